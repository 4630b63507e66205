// Package storetest is the conformance suite of the store: SQLite and PostgreSQL both pass it. It starts its own PostgreSQL.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// require is the environment variable under which a missing tool fails a test instead of skipping it.
const require = "HINOMI_TEST_REQUIRE"

// Postgres starts one PostgreSQL cluster on a socket in a temporary folder, for the tests of one package. Its methods give databases in it.
// Without initdb the test is skipped loudly, or fails if HINOMI_TEST_REQUIRE is "all".
type Postgres struct {
	once   sync.Once
	socket string
	err    error
	stop   func()
	n      int
	mu     sync.Mutex
}

// errNoPostgres says that the tools are not installed.
var errNoPostgres = errors.New("initdb and pg_ctl are neither in PATH nor under /usr/lib/postgresql")

// Stop stops the cluster and removes its folder. Call it at the end of TestMain.
func (p *Postgres) Stop() {
	if p.stop != nil {
		p.stop()
	}
}

// URL makes a new empty database and returns its URL.
func (p *Postgres) URL(t testing.TB) string {
	t.Helper()
	p.once.Do(func() { p.err = p.start() })
	if errors.Is(p.err, errNoPostgres) && os.Getenv(require) != "all" { //nolint:forbidigo // a suite of tests is told by the environment what may be missing
		t.Skipf("NOT TESTED on PostgreSQL: %v (%s=all makes this an error)", p.err, require)
	}
	if p.err != nil {
		t.Fatalf("start PostgreSQL: %v", p.err)
	}
	p.mu.Lock()
	p.n++
	name := fmt.Sprintf("t%d", p.n)
	p.mu.Unlock()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, p.url("postgres"))
	if err != nil {
		t.Fatalf("connect to PostgreSQL: %v", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // of a test
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatalf("create database: %v", err)
	}
	return p.url(name)
}

func (p *Postgres) url(database string) string {
	v := url.Values{"host": {p.socket}, "user": {"hinomi"}}
	return "postgres:///" + database + "?" + v.Encode()
}

// start makes and starts the cluster. PostgreSQL refuses to run as root: there it runs as the user postgres.
func (p *Postgres) start() error {
	bin, err := tools()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "hinomi-pg")
	if err != nil {
		return err
	}
	p.stop = func() { _ = os.RemoveAll(dir) } // nothing to do about a folder that stays
	as, err := servant(dir)
	if err != nil {
		return err
	}
	data := filepath.Join(dir, "data")
	if err := as(filepath.Join(bin, "initdb"), "--pgdata", data, "--username", "hinomi", "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"); err != nil {
		return err
	}
	ctl := filepath.Join(bin, "pg_ctl")
	options := "-c listen_addresses='' -c unix_socket_directories='" + dir + "' -c fsync=off -c max_connections=200"
	if err := as(ctl, "--pgdata", data, "--wait", "--timeout", "60", "--log", filepath.Join(dir, "log"), "--options", options, "start"); err != nil {
		return err
	}
	p.socket = dir
	p.stop = func() {
		_ = as(ctl, "--pgdata", data, "--mode", "immediate", "--wait", "stop") // the folder is removed all the same
		_ = os.RemoveAll(dir)
	}
	return nil
}

// tools returns the folder of initdb and pg_ctl: the newest version's.
func tools() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errNoPostgres
	}
	slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(found[len(found)-1]), nil
}

func version(path string) int {
	n, err := strconv.Atoi(strings.Split(path, "/")[4])
	if err != nil {
		return 0
	}
	return n
}

// runTool runs a tool to its end, with what it says as the error.
func runTool(cmd *exec.Cmd) error {
	out, err := os.CreateTemp("", "hinomi-pg-out") // not a pipe: the server inherits it and would hold it open
	if err != nil {
		return err
	}
	defer os.Remove(out.Name()) //nolint:errcheck // a temporary file
	defer out.Close()           //nolint:errcheck // a temporary file
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = time.Minute
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name()) // what the tool said, if it can be had
		return fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, text)
	}
	return nil
}
