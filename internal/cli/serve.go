package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"hinomi/internal/app"
)

// defaultListen is this machine alone.
const defaultListen = "127.0.0.1:8420"

type serveOptions struct {
	listen, cert, key string
	insecure, metrics bool
	noWork            bool
	jobs              int
}

func (c *command) serveCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use: "serve", Short: "The server: API, schedules and worker in one process", GroupID: "run", Args: cobra.NoArgs,
		Long: "Serves the API on 127.0.0.1 and does the work: syncs when they are due, scans, feeds, sweeps. The first start makes the first administrator and prints its password once.\n" +
			"An address that others can reach needs --tls-cert and --tls-key, or --insecure-http where something in front of it speaks TLS.",
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", envOr("HINOMI_LISTEN", defaultListen), "address (HINOMI_LISTEN)")
	f.StringVar(&o.cert, "tls-cert", os.Getenv("HINOMI_TLS_CERT"), "certificate, PEM; read again when it changes (HINOMI_TLS_CERT)")
	f.StringVar(&o.key, "tls-key", os.Getenv("HINOMI_TLS_KEY"), "its key, PEM (HINOMI_TLS_KEY)")
	f.BoolVar(&o.insecure, "insecure-http", false, "serve a public address without TLS")
	f.BoolVar(&o.metrics, "open-metrics", false, "serve /metrics without a token to this machine")
	f.BoolVar(&o.noWork, "no-work", false, "only the API; hinomi worker does the work")
	f.IntVar(&o.jobs, "jobs", 4, "jobs at once")
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error { return c.serve(ctx, a, o) })
	return cmd
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// serve runs the server until the context ends.
func (c *command) serve(ctx context.Context, a *app.App, o serveOptions) error {
	if (o.cert == "") != (o.key == "") {
		return usageError("--tls-cert and --tls-key belong together: one of them is missing")
	}
	secure := o.cert != "" && o.key != ""
	if err := checkAddress(o.listen, secure || o.insecure); err != nil {
		return err
	}
	handler, err := a.Handler(ctx, app.HandlerOptions{HTTPS: secure, OpenMetrics: o.metrics})
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", o.listen)
	if err != nil {
		return hinted(fmt.Errorf("listen on %s: %w", o.listen, err), "choose another address with --listen")
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 5 * time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: nil,
	}
	scheme := "http"
	if secure {
		scheme = "https"
		certs := &certificate{cert: o.cert, key: o.key}
		if _, err := certs.get(nil); err != nil {
			return errors.Join(err, l.Close())
		}
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certs.get, NextProtos: []string{"h2", "http/1.1"}}
		l = tls.NewListener(l, server.TLSConfig)
	}
	name, password, err := a.FirstAdministrator(ctx) // last: its password is shown once, so nothing may fail after it
	if err != nil {
		return errors.Join(fmt.Errorf("make the first administrator: %w", err), l.Close())
	}
	if password != "" {
		fmt.Fprintf(c.errs, "First administrator: %s, password: %s\nThis is shown once. hinomi user password %s changes it.\n", name, password, name)
	}
	fmt.Fprintf(c.errs, "hinomi %s listens on %s://%s (API: /api/v1, description: /openapi.json)\n", app.Version, scheme, l.Addr())
	return serveAndWork(ctx, a, server, l, o)
}

// serveAndWork serves and works until the context ends or one of them fails, then stops both.
func serveAndWork(ctx context.Context, a *app.App, server *http.Server, l net.Listener, o serveOptions) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	if !o.noWork {
		g.Go(func() error { return a.Work(ctx, app.WorkOptions{Concurrency: o.jobs}) })
	}
	g.Go(func() error {
		<-ctx.Done()
		stop, done := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer done()
		return server.Shutdown(stop)
	})
	return g.Wait()
}

// checkAddress refuses an address that others can reach unless the connection is protected or the user said so.
func checkAddress(listen string, protected bool) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return usageError("--listen %q is not an address with a port: %w", listen, err)
	}
	if host == "localhost" || protected {
		return nil
	}
	if a, err := netip.ParseAddr(host); err == nil && a.IsLoopback() {
		return nil
	}
	return hinted(fmt.Errorf("%s can be reached by others, and passwords would travel in the clear", listen),
		"give --tls-cert and --tls-key, or --insecure-http if something in front of it speaks TLS")
}

// certificate is a key pair in files that may be renewed while the server runs.
type certificate struct{ cert, key string }

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	return &pair, nil
}

func (c *command) workerCommand() *cobra.Command {
	var jobs int
	cmd := &cobra.Command{
		Use: "worker", Short: "Only the work, beside a server (PostgreSQL)", GroupID: "run", Args: cobra.NoArgs,
		Long: "Does jobs from the database that a server uses, too: any number of workers on any number of machines. It needs PostgreSQL; a SQLite file has one process.",
	}
	cmd.Flags().IntVar(&jobs, "jobs", 4, "jobs at once")
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error {
		if a.Store().Kind() != "postgres" {
			return hinted(errors.New("a worker beside the server needs PostgreSQL"), "hinomi serve works by itself on SQLite; for more machines set HINOMI_DATABASE=postgres://…")
		}
		fmt.Fprintf(c.errs, "hinomi %s works, %d jobs at once\n", app.Version, jobs)
		return a.Work(ctx, app.WorkOptions{Concurrency: jobs})
	})
	return cmd
}
