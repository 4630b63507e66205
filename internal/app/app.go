// Package app joins the rooms: it is the only one that sees all of them. Each of its methods is one thing a user can ask for.
package app

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"hinomi/internal/awsclient"
	"hinomi/internal/pipeline"
	"hinomi/internal/sandbox"
	"hinomi/internal/secret"
	"hinomi/internal/store"
)

// Version and Commit say what was built; the linker sets them.
var (
	Version = "dev"
	Commit  = "unknown"
)

// Config is all that is decided outside: by flags, by the environment, by tests.
type Config struct {
	DataDir    string         // folder for the state that is not in the database: the key, the advisories
	Database   string         // sqlite:FILE or postgres://…
	KeyFile    string         // sealing key; "" is DataDir/key, which is made if there is none
	KeyText    string         // sealing key itself, base64 or hexadecimal; wins over the file
	KMSKeyID   string         // AWS KMS key that wraps the sealing key; wins over both
	Advisories string         // advisory database
	Endpoint   string         // AWS_ENDPOINT_URL
	RootCAs    *x509.CertPool // of AWS and of publishers; nil: the system's (AWS_CA_BUNDLE)
	UserAgent  string
	FeedMirror string         // base URL of a mirror of the feeds; "" is each publisher's own
	FeedClient *http.Client   // nil: one made for publishers
	Ambient    *awsclient.Key // the process's own AWS credentials, where tests give them; nil: the SDK's default chain
	Log        *slog.Logger
	Now        func() time.Time
	Sleep      func(context.Context, time.Duration) error // nil: a timer
	Progress   func(pipeline.Step)                        // nil: nobody watches
	Reader     sandbox.Command                            // starts the child that reads disks; zero: this program
}

// App is an open installation. Its methods are safe for concurrent use.
type App struct {
	cfg     Config
	log     *slog.Logger
	now     func() time.Time
	db      *store.DB
	clients *awsclient.Clients
	secrets bool // a target is searched for keys and tokens, too

	mu         sync.Mutex
	advisories *library // opened on first use
}

// Open opens the installation's state, making it on first use.
func Open(ctx context.Context, cfg Config) (*App, error) {
	if cfg.Sleep == nil {
		cfg.Sleep = sleep
	}
	if cfg.FeedClient == nil {
		cfg.FeedClient = feedClient(cfg.RootCAs)
	}
	if cfg.Progress == nil {
		cfg.Progress = func(pipeline.Step) {}
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of hinomi's state: %w", err)
	}
	clients, err := awsclient.New(awsclient.Config{
		Endpoint: cfg.Endpoint, Ambient: cfg.Ambient, RootCAs: cfg.RootCAs, UserAgent: cfg.UserAgent, Log: cfg.Log, Now: cfg.Now,
	})
	if err != nil {
		return nil, err
	}
	a := &App{cfg: cfg, log: cfg.Log, now: cfg.Now, clients: clients}
	sealer, err := a.localSealer()
	if err != nil {
		return nil, err
	}
	if a.db, err = store.Open(ctx, cfg.Database, store.Options{Now: cfg.Now, Logger: cfg.Log, Sealer: sealer}); err != nil {
		return nil, err
	}
	if cfg.KMSKeyID != "" {
		if err := a.useKMS(ctx); err != nil {
			return nil, errors.Join(err, a.Close())
		}
	}
	return a, nil
}

// Close closes everything. Nothing of the app may be running.
func (a *App) Close() error {
	a.clients.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.advisories != nil {
		a.advisories.close()
		a.advisories = nil
	}
	return a.db.Close()
}

// Store returns the database, for the faces that only read.
func (a *App) Store() *store.DB { return a.db }

// localSealer returns the sealer of a key that is at hand; nil if AWS KMS keeps it.
func (a *App) localSealer() (*secret.Sealer, error) {
	if a.cfg.KMSKeyID != "" {
		return nil, nil //nolint:nilnil // no sealer yet, and no fault: useKMS sets it
	}
	k, err := a.presentKey()
	if err != nil {
		return nil, err
	}
	return secret.NewSealer(k), nil
}

// presentKey reads the sealing key from the environment's text or a file; without either a file is made in the data folder.
func (a *App) presentKey() (secret.Key, error) {
	if a.cfg.KeyText != "" {
		k, err := secret.ParseKey(secret.NewText(a.cfg.KeyText))
		if err != nil {
			return k, fmt.Errorf("read the sealing key of the environment: %w", err)
		}
		return k, nil
	}
	if a.cfg.KeyFile != "" {
		k, err := secret.ReadKeyFile(a.cfg.KeyFile)
		if err != nil {
			return k, fmt.Errorf("read the sealing key: %w", err)
		}
		return k, nil
	}
	path := filepath.Join(a.cfg.DataDir, "key")
	k, made, err := secret.EnsureKeyFile(path)
	if err != nil {
		return k, fmt.Errorf("read the sealing key: %w", err)
	}
	if made {
		a.log.Info("sealing key made: keep a copy apart from the database's backups", slog.String("path", path))
	}
	return k, nil
}

// useKMS seals with a data key that AWS KMS wraps; the wrapped key is kept in the database.
func (a *App) useKMS(ctx context.Context) error {
	installation, err := a.db.InstallationID(ctx)
	if err != nil {
		return err
	}
	service, err := a.keyService()
	if err != nil {
		return err
	}
	kept, err := a.db.Setting(ctx, store.SettingWrappedKey)
	if errors.Is(err, store.ErrNotFound) {
		k, wrapped, err := secret.NewWrapped(ctx, service, a.cfg.KMSKeyID, installation)
		if err != nil {
			return fmt.Errorf("make a sealing key with %s: %w", a.cfg.KMSKeyID, err)
		}
		text, err := json.Marshal(wrapped)
		if err != nil {
			return fmt.Errorf("write the wrapped key: %w", err)
		}
		if err := a.db.PutSetting(ctx, store.SettingWrappedKey, string(text)); err != nil {
			return err
		}
		a.db.UseSealer(secret.NewSealer(k))
		return nil
	}
	if err != nil {
		return err
	}
	wrapped, err := secret.ParseWrapped([]byte(kept))
	if err != nil {
		return err
	}
	k, err := wrapped.Unwrap(ctx, service, installation)
	if err != nil {
		return fmt.Errorf("unwrap the sealing key with %s: %w", a.cfg.KMSKeyID, err)
	}
	a.db.UseSealer(secret.NewSealer(k))
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
