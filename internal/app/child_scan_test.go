package app_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"hinomi/internal/app"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/awsclient"
	"hinomi/internal/awstest"
	"hinomi/internal/run"
	"hinomi/internal/store"
)

// scanChild does what this process was started for, if it is a child of these tests, and reports whether it is.
func scanChild() bool {
	text := os.Getenv(childEnv)
	if text == "" {
		return false
	}
	if err := child(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

// childEnv makes the test binary a worker that may be killed: it holds an order as JSON.
const childEnv = "HINOMI_TEST_SCAN_CHILD"

// order says what a child does.
type order struct {
	Dir      string // its installation
	Endpoint string
	Key      awstest.Key
	Later    time.Duration // how far its clock is ahead
	Sweep    bool          // after all scans have ended
	Now      *asset.Ref    // scan this instance in the process itself, and do nothing else

	Database string // its URL; "" is SQLite in Dir
	Serve    int    // work on as many jobs at once until SIGTERM, instead of until all scans have ended; 0: no
}

// child works on an installation until all scans have ended, or it is killed.
func child(text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	a, err := app.Open(ctx, o.config())
	if err != nil {
		return err
	}
	if o.Now != nil {
		ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM) // as the command does
		defer stop()
		_, err := a.ScanNow(ctx, auth.System(), *o.Now)
		return errors.Join(err, a.Close())
	}
	if o.Serve > 0 {
		return errors.Join(o.serve(ctx, a), a.Close())
	}
	worked := make(chan error, 1)
	go func() {
		worked <- a.Work(ctx, app.WorkOptions{Concurrency: 1, Poll: 20 * time.Millisecond, Beat: 50 * time.Millisecond, DeadAfter: time.Second})
	}()
	waited := untilEnded(ctx, a)
	stop()
	if err := errors.Join(waited, <-worked); err != nil {
		return err
	}
	if o.Sweep {
		out, err := a.Sweep(context.Background(), auth.System())
		if err != nil || len(out.Faults) > 0 {
			return fmt.Errorf("sweep: %v %w", out.Faults, err)
		}
	}
	return a.Close()
}

// serve works until SIGTERM, and then gives back at once what it has begun.
func (o order) serve(ctx context.Context, a *app.App) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	return a.Work(ctx, app.WorkOptions{
		Concurrency: o.Serve, Poll: 50 * time.Millisecond, Beat: 200 * time.Millisecond, DeadAfter: deadAfter, Grace: time.Millisecond,
	})
}

// deadAfter is the silence after which a serving child is taken for dead: long enough for a machine that is busy.
const deadAfter = 6 * time.Second

// untilEnded returns when no scan waits or runs.
func untilEnded(ctx context.Context, a *app.App) error {
	open := store.ScanFilter{States: []run.State{run.Queued, run.Running}}
	for range 3000 {
		list, _, err := a.Store().Scans(ctx, auth.Everything(), open, "", 1)
		if err != nil || len(list) == 0 {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("scans have not ended in half a minute")
}

// refusing is the network of feeds: there is none.
type refusing struct{}

// RoundTrip implements http.RoundTripper.
func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no network in tests")
}

func (o order) config() app.Config {
	return app.Config{
		DataDir: o.Dir, Database: cmp.Or(o.Database, "sqlite:"+filepath.Join(o.Dir, "hinomi.db")), Advisories: filepath.Join(o.Dir, "advisories.db"),
		Endpoint: o.Endpoint, Ambient: &awsclient.Key{ID: o.Key.ID, Secret: o.Key.Secret}, FeedClient: &http.Client{Transport: refusing{}},
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Now: func() time.Time { return time.Now().Add(o.Later) },
	}
}

// start starts a child.
func (o order) start(t *testing.T, errs *os.File) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	cmd.Stdout, cmd.Stderr = errs, errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}
