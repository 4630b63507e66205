package cli

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hinomi/internal/app"
)

// config reads the environment, which no other room does, once.
func (c *command) config(log *slog.Logger) (app.Config, error) {
	dir, err := dataDir()
	if err != nil {
		return app.Config{}, err
	}
	cfg := app.Config{
		DataDir:    dir,
		Database:   c.database,
		KeyFile:    os.Getenv("HINOMI_KEY_FILE"),
		KeyText:    os.Getenv("HINOMI_KEY"),
		KMSKeyID:   os.Getenv("HINOMI_KMS_KEY_ID"),
		Advisories: os.Getenv("HINOMI_ADVISORIES"),
		FeedMirror: os.Getenv("HINOMI_FEED_MIRROR"),
		Endpoint:   os.Getenv("AWS_ENDPOINT_URL"),
		Log:        log,
		Now:        time.Now,
		UserAgent:  "hinomi/" + app.Version,
	}
	if cfg.RootCAs, err = caBundle(os.Getenv("AWS_CA_BUNDLE")); err != nil {
		return cfg, err
	}
	if cfg.Database == "" {
		cfg.Database = os.Getenv("HINOMI_DATABASE")
	}
	if cfg.Database == "" {
		cfg.Database = "sqlite:" + filepath.Join(dir, "hinomi.db")
	}
	if !strings.Contains(cfg.Database, ":") {
		cfg.Database = "sqlite:" + cfg.Database
	}
	if cfg.Advisories == "" {
		cfg.Advisories = filepath.Join(dir, "advisories.db")
	}
	return cfg, nil
}

// dataDir returns the folder of state: HINOMI_HOME, else the service's /var/lib/hinomi for root, else the user's data folder
// (XDG Base Directory Specification).
func dataDir() (string, error) {
	if d := os.Getenv("HINOMI_HOME"); d != "" {
		return d, nil
	}
	if os.Geteuid() == 0 {
		return "/var/lib/hinomi", nil
	}
	if d := os.Getenv("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "hinomi"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", hinted(errors.New("no folder for hinomi's state: the user has no home"), "set HINOMI_HOME")
	}
	return filepath.Join(home, ".local", "share", "hinomi"), nil
}

// caBundle reads the certificates of AWS_CA_BUNDLE, which stand in for the system's as in the AWS CLI; nil if it is not set.
func caBundle(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // no bundle: the system's certificates
	}
	b, err := os.ReadFile(path) //nolint:gosec // a file that the user names
	if err != nil {
		return nil, fmt.Errorf("read AWS_CA_BUNDLE: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("AWS_CA_BUNDLE %s holds no certificate in PEM form", path)
	}
	return pool, nil
}
