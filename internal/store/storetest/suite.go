package storetest

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hinomi/internal/connector"
	"hinomi/internal/secret"
	"hinomi/internal/store"
)

// Clock is a clock that a test moves.
type Clock struct{ us atomic.Int64 }

// NewClock returns a clock that stands at a time.
func NewClock(at time.Time) *Clock {
	c := new(Clock)
	c.us.Store(at.UnixMicro())
	return c
}

// Now returns the clock's time.
func (c *Clock) Now() time.Time { return time.UnixMicro(c.us.Load()).UTC() }

// Add moves the clock.
func (c *Clock) Add(d time.Duration) time.Time {
	c.us.Add(d.Microseconds())
	return c.Now()
}

// Start is when the suite's clocks begin.
var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// Sealer returns a sealer with a fixed key for tests.
func Sealer(t testing.TB, fill byte) *secret.Sealer {
	t.Helper()
	return secret.NewSealer(Key(t, fill))
}

// Key returns a key of 32 equal bytes.
func Key(t testing.TB, fill byte) secret.Key {
	t.Helper()
	b := make([]byte, secret.KeyLen)
	for i := range b {
		b[i] = fill
	}
	k, err := secret.NewKey(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Open opens a database for a test, with a clock of its own, and closes it at the end.
func Open(t testing.TB, url string) (*store.DB, *Clock) {
	t.Helper()
	clock := NewClock(start)
	db, err := store.Open(context.Background(), url, store.Options{Now: clock.Now, Logger: slog.New(slog.DiscardHandler), Sealer: Sealer(t, 1)})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db, clock
}

// Env is what a test of the suite gets: an empty database.
type Env struct {
	*store.DB
	URL string
}

// raw opens the database beside the store, for what the store does not offer.
func (e *Env) raw(t testing.TB) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", e.URL
	if path, ok := strings.CutPrefix(e.URL, "sqlite:"); ok {
		driver, dsn = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // nothing depends on it
	return db
}

// count returns the number of a query's only row.
func (e *Env) count(t testing.TB, query string, args ...any) int {
	t.Helper()
	var n int
	if err := e.raw(t).QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// Run runs the whole suite on a kind of database; newURL makes an empty one.
func Run(t *testing.T, newURL func(t testing.TB) string) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, db *Env, clock *Clock)
	}{
		{"settings_and_feeds", testSettings},
		{"users_tokens_sessions", testUsers},
		{"audit_is_append_only", testAudit},
		{"connectors", testConnectors},
		{"external_ids", testExternalIDs},
		{"secrets_and_rotation", testSecrets},
		{"base_accounts", testBaseAccounts},
		{"syncs_and_views", testSyncs},
		{"repeated_sync_writes_nothing", testRepeatedSync},
		{"failed_region", testFailedRegion},
		{"partial_page", testPartialPage},
		{"older_read_is_ignored", testOlderRead},
		{"gone_and_returned", testGone},
		{"history_and_diff", testHistory},
		{"load_snapshot_round_trip", testLoadSnapshot},
		{"every_kind_is_kept", testEveryKind},
		{"scope_accounts_and_tags", testScope},
		{"tags_and_rules", testTags},
		{"activations", testActivations},
		{"asset_filters_and_pages", testAssetPages},
		{"readers_during_a_write", testReaders},
		{"transaction_rolls_back", testRollback},
		{"inventories", testInventories},
		{"findings_of_inventories", testInventoryFindings},
		{"findings_outside_the_cover", testOutsideCover},
		{"findings_of_assets", testAssetFindings},
		{"findings_of_assets_left_out", testCloseFindings},
		{"stream", testStream},
		{"queues", testQueues},
		{"suppression", testSuppression},
		{"statuses_of_findings", testStatuses},
		{"finding_pages_and_counts", testFindingPages},
		{"coverage", testCoverage},
		{"agents", testAgents},
		{"scans_and_resources", testScans},
		{"turns_of_scans", testTurns},
		{"cursors_are_checked", testCursors},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := newURL(t)
			db, clock := Open(t, url)
			c.run(t, &Env{DB: db, URL: url}, clock)
		})
	}
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got error %v, want %v", got, want)
	}
}

// aConnector is a valid connector by role.
func aConnector(name, account string) connector.Connector {
	return connector.Connector{
		Name: name, Type: connector.Commercial, Account: account, Enabled: true,
		Credentials: connector.Credentials{RoleARN: "arn:aws:iam::" + account + ":role/hinomi"},
	}
}

// made creates a connector by role.
func made(t testing.TB, db *Env, c connector.Connector) connector.Connector {
	t.Helper()
	c, _, err := db.CreateConnector(t.Context(), c, secret.Text{})
	ok(t, err)
	return c
}
