package ssm_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hinomi/internal/action/ssm"
	ssmtest "hinomi/internal/awstest/ssm"
)

// settled is longer than something may be unseen after it was made.
const settled = 6 * time.Minute

func unzip(t *testing.T, data []byte, dir string) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, f.Name), b, f.Mode())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestPackage installs and uninstalls with the scripts as the agent runs them, and holds the manifest against the files.
func TestPackage(t *testing.T) {
	p, again := pack(t, "1.2.3"), pack(t, "1.2.3")
	if p.Manifest != again.Manifest {
		t.Error("the same binaries gave another manifest")
	}
	var m struct {
		SchemaVersion, Version string
		Packages               map[string]map[string]map[string]struct{ File string }
		Files                  map[string]struct{ Checksums map[string]string }
	}
	if err := json.Unmarshal([]byte(p.Manifest), &m); err != nil {
		t.Fatal(err)
	}
	for _, f := range p.Files {
		sum := sha256.Sum256(f.Data)
		if got := m.Files[f.Name].Checksums["sha256"]; got != hex.EncodeToString(sum[:]) || got != f.SHA256 {
			t.Errorf("%s: checksum %s is not the file's", f.Name, got)
		}
	}
	if m.SchemaVersion != "2.0" || m.Version != "1.2.3" || m.Packages["_any"]["_any"]["x86_64"].File != "hinomi-linux-x86_64.zip" ||
		m.Packages["_any"]["_any"]["arm64"].File != "hinomi-linux-arm64.zip" || m.Packages["windows"]["_any"]["x86_64"].File != "hinomi-windows-x86_64.zip" {
		t.Errorf("manifest %s", p.Manifest)
	}
	work, dir := t.TempDir(), filepath.Join(t.TempDir(), "hinomi", "bin")
	for _, f := range p.Files {
		if f.Name == "hinomi-linux-x86_64.zip" {
			unzip(t, f.Data, work)
		}
	}
	sh := func(script string) error {
		c := exec.CommandContext(t.Context(), "sh", script)
		c.Dir, c.Env = work, append(os.Environ(), "HINOMI_DIR="+dir)
		out, err := c.CombinedOutput()
		if err != nil {
			return errors.Join(err, errors.New(string(out)))
		}
		return nil
	}
	for range 2 { // a second time replaces
		if err := sh("install.sh"); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "hinomi")).Output(); err != nil || string(out) != "1.2.3\n" {
		t.Errorf("got %q, %v from what was installed", out, err)
	}
	for range 2 { // nothing to do is no fault
		if err := sh("uninstall.sh"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Dir(dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("folder after the uninstall: %v", err)
	}
	if err := os.WriteFile(filepath.Join(work, "hinomi"), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sh("install.sh"); err == nil {
		t.Error("a changed program was installed")
	}
}

func TestPackFaults(t *testing.T) {
	for name, try := range map[string]func() error{
		"no_binary":   func() error { _, err := ssm.Pack("1"); return err },
		"bad_version": func() error { _, err := ssm.Pack("1/2", ssm.Binary{OS: "linux", Arch: "arm64"}); return err },
		"bad_os":      func() error { _, err := ssm.Pack("1", ssm.Binary{OS: "plan9", Arch: "arm64"}); return err },
		"twice":       func() error { b := ssm.Binary{OS: "linux", Arch: "arm64"}; _, err := ssm.Pack("1", b, b); return err },
		"no_package":  func() error { w := ssm.Want{Linux: true}; return w.Check() },
		"wrong_package": func() error {
			p, err := ssm.Pack("1", ssm.Binary{OS: "linux", Arch: "arm64"})
			return errors.Join(err, (&ssm.Want{Windows: true, Package: p}).Check())
		},
		"relative_path": func() error { return (&ssm.Want{LinuxPaths: []string{"srv"}}).Check() },
		"newline_path":  func() error { return (&ssm.Want{LinuxPaths: []string{"/srv\nrm"}}).Check() },
		"template_path": func() error { return (&ssm.Want{LinuxPaths: []string{"/{{ x }}"}}).Check() },
		"many_paths": func() error {
			return (&ssm.Want{LinuxPaths: strings.Split(strings.Repeat("/a,", 10)+"/a", ",")}).Check()
		},
		"schedule": func() error { return (&ssm.Want{WindowsSchedule: "hourly"}).Check() },
	} {
		if try() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestCommands runs the Linux command of the invoke document with a collector that prints how it was called.
func TestCommands(t *testing.T) {
	w := newWorld(t, ssmtest.Options{})
	m := w.manager(mine)
	w.must(m, everything(t))
	var content string
	for _, c := range w.aws.CallsTo("ssm", "CreateDocument") {
		if strings.Contains(string(c.Body), `"HinomiInvokeLinux`) {
			var in struct{ Content string }
			if err := json.Unmarshal(c.Body, &in); err != nil {
				t.Fatal(err)
			}
			content = in.Content
		}
	}
	var doc struct {
		MainSteps []struct {
			Action       string
			Precondition map[string][]string
			Inputs       struct{ RunCommand []string }
		}
	}
	if err := json.Unmarshal([]byte(content), &doc); err != nil || len(doc.MainSteps) != 1 {
		t.Fatalf("document %q: %v", content, err)
	}
	s := doc.MainSteps[0]
	if s.Action != "aws:runShellScript" || len(s.Precondition["StringEquals"]) != 2 || s.Precondition["StringEquals"][1] != "Linux" {
		t.Errorf("step %+v", s)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hinomi"), []byte("#!/bin/sh\nfor a; do echo \"[$a]\"; done\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	script := strings.ReplaceAll(strings.Join(s.Inputs.RunCommand, "\n"), "/opt/hinomi/bin", dir)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	out, err := exec.CommandContext(ctx, "sh", "-c", script).CombinedOutput()
	want := "[collect-host]\n[--to]\n[ssm]\n[--bucket]\n[" + m.Bucket() + "]\n[--prefix]\n[collected]\n[--path]\n[/srv/it's here]\n"
	if err != nil || string(out) != want {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
	if policy := w.ssm.Policy(m.Bucket()); !strings.Contains(policy, "aws:SecureTransport") || !strings.Contains(policy, "collected/${aws:userid}/*") {
		t.Errorf("policy %s", policy)
	}
}

func TestSchedule(t *testing.T) {
	for s, good := range map[string]bool{
		"rate(30 minutes)": true, "rate(1 hour)": true, "rate(2 hours)": true, "rate(1 day)": true, "rate(7 days)": true,
		"rate(29 minutes)": false, "rate(1 hours)": false, "rate(2 hour)": false, "rate(0 days)": false, "rate(1 week)": false, "rate()": false, "": false,
		"cron(0 2 ? * SUN *)": true, "cron(0 0/30 * 1/1 * ? *)": true, "cron(0 00 12 ? * SUN *)": true, "cron(15 10 ? * MON-FRI *)": true,
		"cron(0 0 L * ? *)": true, "cron(0 2 ? * THU#3 *)": true, "cron(0 8,20 ? * * 2026-2030)": true,
		"cron(0 2 * * * *)": false, "cron(0 2 ? * ? *)": false, "cron(60 2 ? * SUN *)": false, "cron(0 24 ? * SUN *)": false, "cron(0 2 ? 13 SUN *)": false,
		"cron(0 2 ? * SUN)": false, "cron(0 2 ? * FRI-MON *)": false, "cron(x 2 ? * SUN *)": false, "cron(0/0 2 ? * SUN *)": false, "every day": false,
		"cron(0 2 ? * THU#6 *)": false, "cron(0 2 ? * SUN *": false, "at(2026-01-01T00:00:00)": false,
	} {
		if err := ssm.CheckSchedule(s); (err == nil) != good {
			t.Errorf("%q: got %v, want good %v", s, err, good)
		}
	}
}

func FuzzSchedule(f *testing.F) {
	f.Add("rate(30 minutes)")
	f.Add("cron(0 00 12 ? * SUN *)")
	f.Add("cron(0 2 ? * THU#3 2026-2030)")
	f.Fuzz(func(t *testing.T, s string) {
		if ssm.CheckSchedule(s) == nil && (len(s) > 256 || !strings.HasSuffix(s, ")")) {
			t.Errorf("%q passed", s)
		}
	})
}
