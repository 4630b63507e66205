package store_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hinomi/internal/auth"
	"hinomi/internal/store"
	"hinomi/internal/store/storetest"
)

func options() store.Options {
	return store.Options{Now: func() time.Time { return time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC) }, Logger: slog.New(slog.DiscardHandler)}
}

// rawDB opens a database beside the store.
func rawDB(t testing.TB, url string) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, dsn = "sqlite", "file:"+path
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // nothing depends on it
	return db
}

// TestUpgrade opens a database of every earlier version and finds what it held in the newest one.
func TestUpgrade(t *testing.T) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqliteURL}, {"postgres", cluster.URL}} {
		for v := int64(1); v <= store.NewestVersion; v++ {
			t.Run(kind.name+"_from_"+string(rune('0'+v)), func(t *testing.T) {
				ctx, url := t.Context(), kind.url(t)
				if err := store.OpenAt(ctx, url, options(), v); err != nil {
					t.Fatal(err)
				}
				raw := rawDB(t, url)
				insert := []string{
					`INSERT INTO setting (name, value, updated_at) VALUES ('installation', 'hin-old', 1)`,
					`INSERT INTO external_id (external_id, issued_at) VALUES ('hinomi-old', 1)`,
					`INSERT INTO inventory (pk, hash, packages, cover, body, created_at) VALUES (1, 'h', 0, '{}', '', 1)`,
					`INSERT INTO feed (name, tried_at, body) VALUES ('kev', 1, '{"name":"kev"}')`,
					`INSERT INTO agent_place (account, region, body) VALUES ('111122223333', 'eu-west-1', '{}')`,
					`INSERT INTO stream_queue (id, url, body) VALUES ('que-1', 'https://sqs.eu-west-1.amazonaws.com/111122223333/hinomi', '{}')`,
					`INSERT INTO part (hash, root) VALUES ('h', 'frame')`,
				}
				for _, q := range insert[:v] {
					if _, err := raw.ExecContext(ctx, q); err != nil {
						t.Fatalf("version %d: %s: %v", v, q, err)
					}
				}
				db, err := store.Open(ctx, url, options())
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close() //nolint:errcheck // of a test
				if got, err := db.Version(ctx); err != nil || got != store.NewestVersion {
					t.Errorf("version %d, want %d: %v", got, store.NewestVersion, err)
				}
				if id, err := db.InstallationID(ctx); err != nil || id != "hin-old" {
					t.Errorf("installation %q after the upgrade: %v", id, err)
				}
				for _, table := range []string{"setting", "external_id", "inventory", "feed", "agent_place", "stream_queue", "part"}[:v] {
					var n int
					if err := raw.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil || n != 1 {
						t.Errorf("%s: %d rows, %v", table, n, err)
					}
				}
				if _, _, err := db.Findings(ctx, auth.Everything(), store.FindingFilter{}, "", 0); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestNewer refuses a database of a newer version and leaves it as it is.
func TestNewer(t *testing.T) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqliteURL}, {"postgres", cluster.URL}} {
		t.Run(kind.name, func(t *testing.T) {
			ctx, url := t.Context(), kind.url(t)
			db, err := store.Open(ctx, url, options())
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := rawDB(t, url).ExecContext(ctx, `INSERT INTO hinomi_version (version_id, is_applied) VALUES (999, $1)`, true); err != nil {
				t.Fatal(err)
			}
			_, err = store.Open(ctx, url, options())
			if !errors.Is(err, store.ErrNewer) || !strings.Contains(err.Error(), "999") {
				t.Errorf("got %v, want ErrNewer with both versions", err)
			}
		})
	}
}

// TestOpenTogether makes a database from several places at once, as a server and a command line may.
func TestOpenTogether(t *testing.T) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqliteURL}, {"postgres", cluster.URL}} {
		t.Run(kind.name, func(t *testing.T) {
			url := kind.url(t)
			var wg sync.WaitGroup
			ids := make([]string, 6)
			for i := range ids {
				wg.Go(func() {
					db, err := store.Open(t.Context(), url, options())
					if err != nil {
						t.Errorf("open: %v", err)
						return
					}
					defer db.Close() //nolint:errcheck // of a test
					if ids[i], err = db.InstallationID(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if len(slices.Compact(ids)) != 1 {
				t.Errorf("installation IDs: %v", ids)
			}
		})
	}
}

func TestURL(t *testing.T) {
	for _, url := range []string{"", "sqlite:", "mysql://root:hunter2@h/d", "/var/lib/x.db"} {
		_, err := store.Open(t.Context(), url, options())
		if !errors.Is(err, store.ErrURL) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", url, err)
		}
	}
	_, err := store.Open(t.Context(), "postgres://u:hunter2@127.0.0.1:1/d?connect_timeout=2", options())
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("no database there: %v", err)
	}
}

func TestSQLiteFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a #?%b.db") // also a name that a URL would mistake
	db, err := store.Open(t.Context(), "sqlite:"+path, options())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // of a test
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v %v", suffix, info, err)
		}
	}
}

func TestBackup(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	path, copied := filepath.Join(dir, "hinomi.db"), filepath.Join(dir, "backup.db")
	db, clock := storetest.Open(t, "sqlite:"+path)
	id, err := db.InstallationID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w := storetest.World{Accounts: 1, Regions: 2, Instances: 30, At: clock.Now()}
	if _, err := db.ApplySnapshot(ctx, "", "s1", w.Snapshot()); err != nil {
		t.Fatal(err)
	}
	// The backup is made while a transaction is open: it holds what was committed, and nothing of the rest.
	if err := db.InTx(ctx, func(ctx context.Context) error {
		w.Instances = 60
		if _, err := db.ApplySnapshot(ctx, "", "s2", w.Snapshot()); err != nil {
			return err
		}
		return db.Backup(ctx, copied)
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Backup(ctx, copied); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a backup was overwritten: %v", err)
	}
	if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the backup: %v %v", info, err)
	}
	if err := store.Restore(ctx, "sqlite:"+path, copied); err == nil {
		t.Fatal("restored over a database that is in use")
	}
	target := filepath.Join(dir, "other.db")
	old, err := store.Open(ctx, "sqlite:"+target, options())
	if err != nil {
		t.Fatal(err)
	}
	if err := old.PutSetting(ctx, "x", "old"); err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Restore(ctx, "sqlite:"+target, copied); err != nil {
		t.Fatal(err)
	}
	back, err := store.Open(ctx, "sqlite:"+target, options())
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close() //nolint:errcheck // of a test
	if got, err := back.InstallationID(ctx); err != nil || got != id {
		t.Errorf("installation %q after the restore, want %q: %v", got, id, err)
	}
	if n, err := back.CountAssets(ctx, auth.Everything(), store.AssetFilter{}); err != nil || n["instance"] != 60 {
		t.Errorf("assets after the restore: %v, want 60 instances: %v", n, err)
	}
	if _, err := os.Stat(target + ".before-restore"); err != nil {
		t.Errorf("what was there before is not kept: %v", err)
	}

	spoiled := filepath.Join(dir, "spoiled.db")
	b, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"cut": b[:len(b)/2], "not_a_database": []byte("hello"), "empty": nil} {
		if err := os.WriteFile(spoiled, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := store.Restore(ctx, "sqlite:"+target, spoiled); err == nil {
			t.Errorf("%s: was restored", name)
		}
	}
	if n, err := back.CountAssets(ctx, auth.Everything(), store.AssetFilter{}); err != nil || n["instance"] != 60 {
		t.Errorf("after refused restores: %v %v", n, err)
	}
}

func TestBackupPostgres(t *testing.T) {
	db, _ := storetest.Open(t, cluster.URL(t))
	if err := db.Backup(t.Context(), filepath.Join(t.TempDir(), "x")); !errors.Is(err, store.ErrBackup) {
		t.Errorf("got %v, want ErrBackup", err)
	}
}
