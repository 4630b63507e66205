package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"hinomi/internal/store/storetest"
)

// cluster is the PostgreSQL that the tests of this package share; it starts when the first test needs it.
var cluster storetest.Postgres

func TestMain(m *testing.M) {
	if child() {
		return
	}
	code := m.Run()
	cluster.Stop()
	os.Exit(code)
}

func sqliteURL(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "hinomi.db") }

func TestSQLite(t *testing.T) { storetest.Run(t, sqliteURL) }

func TestPostgres(t *testing.T) { storetest.Run(t, cluster.URL) }
