package app_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"hinomi/internal/app"
)

// open returns an installation in a temporary folder.
func open(t *testing.T, change func(*app.Config)) *app.App {
	t.Helper()
	dir := t.TempDir()
	cfg := app.Config{
		DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hinomi.db"), Advisories: filepath.Join(dir, "advisories.db"),
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	if change != nil {
		change(&cfg)
	}
	a, err := app.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func TestDemonstrate(t *testing.T) {
	a := open(t, nil)
	out, err := a.Demonstrate(context.Background(), filepath.Join("..", "..", "examples"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", out)
}
