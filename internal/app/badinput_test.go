package app_test

import (
	"bytes"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hinomi/internal/app"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/awstest"
	"hinomi/internal/connector"
	"hinomi/internal/pipeline"
	"hinomi/internal/secret"
	"hinomi/internal/source/aws/dump"
	"hinomi/internal/store"
)

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestBadDump imports a dump with a broken file and a region that nobody knows: what was imported before stays, stale.
func TestBadDump(t *testing.T) {
	a := open(t, nil)
	dir := filepath.Join(t.TempDir(), "dump")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "examples", "organisation", "accounts"))); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "Instances.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		files, err = filepath.Glob(filepath.Join(dir, "*", "*", "Reservations.json"))
	}
	if err != nil || len(files) == 0 {
		t.Fatalf("no instances in the example: %v", err)
	}
	at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	first, err := a.ImportDump(t.Context(), auth.System(), dir, dump.Options{TakenAt: at})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	write(t, files[0], whole[:len(whole)/2])
	account := filepath.Dir(filepath.Dir(files[0]))
	if err := os.MkdirAll(filepath.Join(account, "zz-nowhere-9"), 0o750); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(account, "zz-nowhere-9", "Vpcs.json"), []byte(`{"Vpcs":[]}`))
	second, err := a.ImportDump(t.Context(), auth.System(), dir, dump.Options{TakenAt: at.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(second.Notes, "\n")
	for _, want := range []string{filepath.Base(filepath.Dir(files[0])) + "/" + filepath.Base(files[0]) + ": broken", "zz-nowhere-9"} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes do not tell of %s:\n%s", want, notes)
		}
	}
	if second.Observed.Counts.Gone != 0 || second.Gaps <= first.Gaps {
		t.Errorf("got %+v and %d gaps, want nothing gone and more than %d", second.Observed.Counts, second.Gaps, first.Gaps)
	}
	stale, err := a.Store().CountAssets(t.Context(), auth.Everything(), store.AssetFilter{Kinds: []asset.Kind{asset.KindInstance}, Stale: true})
	if err != nil || stale[asset.KindInstance] == 0 {
		t.Errorf("got %v stale, %v, want the instances of the broken file", stale, err)
	}
	if _, err := a.ImportDump(t.Context(), auth.System(), t.TempDir(), dump.Options{}); !errors.Is(err, dump.ErrEmpty) {
		t.Errorf("an empty folder: got %v, want ErrEmpty", err)
	}
}

// TestExpired ends every session in the middle of a sync, and gives none for the rest of it.
func TestExpired(t *testing.T) {
	c := newCloud(t, awstest.Options{}, nil)
	account := c.Account(2)
	k := c.add(plain(account, "eu-west-1", "eu-west-2", "eu-west-3"))
	for _, r := range k.Regions {
		c.SeedInstances(account, r, 2)
	}
	c.sync(k.ID, connector.FinishedSuccess)
	var once sync.Once
	end := c.Before("ec2", "DescribeInstances", func(*awstest.Call) *awstest.Reply {
		once.Do(c.ExpireSessions)
		return nil
	})
	refuse := c.Before("sts", "AssumeRole", awstest.Expire())
	s := c.sync(k.ID, connector.FinishedErrors)
	if s.Counts.Gone != 0 || s.Counts.Gaps == 0 {
		t.Errorf("got %+v, want gaps and nothing gone", s.Counts)
	}
	for _, r := range s.Regions {
		if r.Error != "" && !strings.Contains(strings.ToLower(r.Error), "expired") {
			t.Errorf("%s: got %q, want that the credentials expired", r.Region, r.Error)
		}
	}
	if n := len(c.instances(auth.Everything(), store.AssetFilter{})); n != 6 {
		t.Errorf("got %d instances, want 6", n)
	}
	end()
	refuse()
	again := c.reopen() // without the sessions that ended
	c.tick(time.Minute)
	if s, err := again.SyncNow(t.Context(), auth.System(), k.ID); err != nil || s.State != connector.FinishedSuccess {
		t.Errorf("got %s %q, %v, want success with new credentials", s.State, s.Error, err)
	}
	if n := len(c.instances(auth.Everything(), store.AssetFilter{Stale: true})); n != 0 {
		t.Errorf("got %d stale instances with new credentials, want none", n)
	}
}

// TestWrongKey opens the database with another sealing key.
func TestWrongKey(t *testing.T) {
	c := newCloud(t, awstest.Options{}, func(cfg *app.Config) { cfg.KeyText = strings.Repeat("0a", 32) })
	account := c.Account(2)
	key := c.AddKey(account, "reader")
	n := plain(account, "eu-west-1")
	n.Credentials = connector.Credentials{AccessKeyID: key.ID}
	out, err := c.AddConnector(t.Context(), auth.System(), n, secret.NewText(key.Secret))
	if err != nil {
		t.Fatal(err)
	}
	c.SeedInstances(account, "eu-west-1", 1)
	c.sync(out.Connector.ID, connector.FinishedSuccess)
	other := open(t, func(cfg *app.Config) {
		cfg.Endpoint, cfg.Now, cfg.KeyText, cfg.Database = c.URL(), c.now, strings.Repeat("0b", 32), "sqlite:"+c.file
	})
	s, err := other.SyncNow(t.Context(), auth.System(), out.Connector.ID)
	if err != nil {
		t.Fatal(err)
	}
	if s.State != connector.FinishedErrors || !strings.Contains(s.Error, "key") || !strings.Contains(s.Error, n.Name) {
		t.Errorf("got %s %q, want words about the sealing key", s.State, s.Error)
	}
	if list := c.instances(auth.Everything(), store.AssetFilter{}); len(list) != 1 || !list[0].Stale {
		t.Errorf("got %+v, want the instance, stale", list)
	}
	c.sync(out.Connector.ID, connector.FinishedSuccess) // nothing was spoiled
}

// TestDamagedAdvisories assesses nothing with a damaged advisory database, and says so.
func TestDamagedAdvisories(t *testing.T) {
	file := filepath.Join(t.TempDir(), "advisories.db")
	a := open(t, func(cfg *app.Config) { cfg.Advisories = file })
	if _, err := a.ImportFeeds(t.Context(), auth.System(), filepath.Join("..", "..", "examples", "feeds"), app.FeedOptions{}); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := app.ReadTarget(t.Context(), app.Config{Log: slog.New(slog.DiscardHandler), Now: time.Now}, unpackExample(t), app.TargetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	match := func(file string) error {
		s.Matched = pipeline.Matched{}
		return app.MatchTarget(app.Config{Log: slog.New(slog.DiscardHandler), Now: time.Now, Advisories: file}, s)
	}
	if err := match(file); err != nil || len(s.Matched.Findings) == 0 {
		t.Fatalf("got %d findings, %v with good advisories, want some", len(s.Matched.Findings), err)
	}
	if err := match(file + "-none"); !errors.Is(err, app.ErrNoAdvisories) {
		t.Errorf("without advisories: got %v, want ErrNoAdvisories", err)
	}
	for name, data := range map[string][]byte{
		"garbage": bytes.Repeat([]byte("x"), 1<<16), "cut": good[:len(good)/2], "empty": nil, "flipped": flipped(good),
	} {
		t.Run(name, func(t *testing.T) {
			err := match(write(t, filepath.Join(t.TempDir(), "advisories.db"), data))
			if err == nil && len(s.Matched.NotAssessed) == 0 {
				t.Fatalf("got %d findings and nothing that was not assessed", len(s.Matched.Findings))
			}
			if err != nil && !strings.Contains(err.Error(), "advisor") {
				t.Errorf("got %q, want words about the advisories", err)
			}
			t.Log(err)
		})
	}
}

// flipped returns data with every byte of its second half changed.
func flipped(data []byte) []byte {
	out := bytes.Clone(data)
	for i := len(out) / 2; i < len(out); i++ {
		out[i] ^= 0xff
	}
	return out
}

// TestNewerDatabase refuses a database that a newer hinomi has changed.
func TestNewerDatabase(t *testing.T) {
	dir := t.TempDir()
	cfg := app.Config{
		DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hinomi.db"), Advisories: filepath.Join(dir, "advisories.db"),
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	a, err := app.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "hinomi.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO hinomi_version (version_id, is_applied) VALUES (999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if a, err := app.Open(t.Context(), cfg); !errors.Is(err, store.ErrNewer) || !strings.Contains(err.Error(), "999") {
		t.Errorf("got %v, %v, want ErrNewer with the version", a, err)
	}
}
