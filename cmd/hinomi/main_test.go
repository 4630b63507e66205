package main // not main_test: main itself is the command that the scripts run

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hinomi/internal/app/reading"
	"hinomi/internal/cli"
)

// TestMain lets the test binary be the command: scripts run it as a process of its own, with its own exit code and signals.
// It is also the child that reads disks, for commands that run in the tests' own process.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == reading.Argument {
		main()
	}
	testscript.Main(m, map[string]func(){
		"hinomi": main,
	})
}

// TestScripts runs testdata/script/*.txtar. A script starts without an installation; "demo-home" gives it one.
func TestScripts(t *testing.T) {
	examples, err := filepath.Abs(filepath.Join("..", "..", "examples"))
	if err != nil {
		t.Fatal(err)
	}
	d := &demo{examples: examples, base: t.TempDir()}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			// Nothing of the machine that runs the test may count: no credentials, no instance metadata, no settings of hinomi's.
			e.Setenv("HINOMI_HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("EXAMPLES", examples)
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			e.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
			e.Setenv("HOME", filepath.Join(e.WorkDir, "user"))
			e.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"demo-home": d.home,
			"code":      code,
			"keep":      keep,
			"healthy":   healthy,
			"terminate": terminate,
			"await":     await,
		},
	})
}

// demo is one installation with the example organisation, made by the first script that wants it and copied for each.
type demo struct {
	examples, base string
	once           sync.Once
	err            error
}

// home copies the example installation to $HINOMI_HOME.
func (d *demo) home(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: demo-home")
	}
	d.once.Do(func() {
		var out bytes.Buffer
		if got := cli.Run(context.Background(), []string{"demo", "--examples", d.examples, "--keep", d.base}, strings.NewReader(""), &out, &out); got != 0 {
			d.err = fmt.Errorf("demo: exit code %d: %s", got, out.String())
		}
	})
	ts.Check(d.err)
	to := ts.Getenv("HINOMI_HOME")
	ts.Check(os.MkdirAll(to, 0o700))
	files, err := os.ReadDir(d.base)
	ts.Check(err)
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(d.base, f.Name()))
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(to, f.Name()), b, 0o600))
	}
}

// code runs hinomi and wants exactly this exit code: code N hinomi ARGUMENTS….
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		found := regexp.MustCompile(`exit status (\d+)`).FindStringSubmatch(err.Error())
		if found == nil {
			ts.Fatalf("%s: %v", strings.Join(args[1:], " "), err)
		}
		got, err = strconv.Atoi(found[1])
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s: got exit code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// keep sets a variable to the first group of a pattern in a file: keep NAME FILE PATTERN.
func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: keep NAME FILE PATTERN")
	}
	found := regexp.MustCompile(args[2]).FindStringSubmatch(ts.ReadFile(args[1]))
	if len(found) != 2 {
		ts.Fatalf("%s: %s matches nothing with one group", args[1], args[2])
	}
	ts.Setenv(args[0], found[1])
}

// await waits until a background process wrote something to a file it makes: await NAME FILE PATTERN. The deadline is only for what hangs.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: await NAME FILE PATTERN")
	}
	pattern := regexp.MustCompile(args[2])
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-tick.C {
		b, err := os.ReadFile(ts.MkAbs(args[1]))
		if found := pattern.FindStringSubmatch(string(b)); err == nil && len(found) == 2 {
			ts.Setenv(args[0], found[1])
			return
		}
	}
	ts.Fatalf("%s: nothing that matches %s", args[1], args[2])
}

// healthy asks a server of this machine: healthy URL.
func healthy(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 || !strings.HasPrefix(args[0], "http://127.0.0.1:") {
		ts.Fatalf("usage: healthy http://127.0.0.1:PORT/PATH")
	}
	client := http.Client{Timeout: time.Minute}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, args[0], http.NoBody)
	ts.Check(err)
	res, err := client.Do(req)
	if err == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20)) // only the status counts
		ts.Check(res.Body.Close())
		if res.StatusCode != http.StatusOK {
			err = fmt.Errorf("GET %s: got %s, want 200 OK", args[0], res.Status)
		}
	}
	if neg && err == nil {
		ts.Fatalf("%s answers", args[0])
	}
	if !neg {
		ts.Check(err)
	}
}

// terminate sends SIGTERM to a process by the number in a file that the script's process wrote: terminate PID.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: terminate PID")
	}
	pid, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(syscall.Kill(pid, syscall.SIGTERM))
}
