package app_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
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

// maxHeap is what reading a bad target may add to the heap: the largest caches are 64 MiB.
const maxHeap = 256 << 20

// readTarget reads a target, and fails the test if that takes long or much memory.
func readTarget(t *testing.T, target string) (*app.Scanned, error) {
	t.Helper()
	type outcome struct {
		s   *app.Scanned
		err error
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	done := make(chan outcome, 1)
	go func() {
		s, err := app.Config{Log: slog.New(slog.DiscardHandler), Now: time.Now}.ReadTarget(ctx, target, app.TargetOptions{})
		done <- outcome{s, err}
	}()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, m.HeapAlloc
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case o := <-done:
			if most > before+maxHeap {
				t.Errorf("%s: the heap grew by %d MiB, want %d at most", target, (most-before)>>20, maxHeap>>20)
			}
			return o.s, o.err
		case <-look.C:
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		case <-ctx.Done():
			t.Fatalf("%s: not read within a minute", target)
		}
	}
}

// wantGap wants an inventory that says what of it was not read.
func wantGap(t *testing.T, s *app.Scanned, err error, path, words string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range s.Inventory.Gaps {
		if strings.Contains(g.Path, path) && strings.Contains(g.Reason, words) {
			return
		}
	}
	t.Errorf("got gaps %+v, want one of %s about %q", s.Inventory.Gaps, path, words)
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// huge makes a file of 5 GB that takes no place on the disk.
func huge(t *testing.T, name string) string {
	t.Helper()
	write(t, name, nil)
	if err := os.Truncate(name, 5_000_000_000); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestBadTarget gives one clear error for each thing that is no target.
func TestBadTarget(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ target, words string }{
		"missing":    {filepath.Join(dir, "none"), "no such file"},
		"empty":      {write(t, filepath.Join(dir, "empty"), nil), "empty"},
		"text":       {write(t, filepath.Join(dir, "notes.txt"), []byte("milk, eggs\n")), "SBOM"},
		"json":       {write(t, filepath.Join(dir, "a.json"), []byte(`{"a": 1}`)), "SBOM"},
		"noise":      {write(t, filepath.Join(dir, "noise.img"), bytes.Repeat([]byte{0, 7, 13}, 1<<18)), "not recognised"},
		"unreadable": {"/proc/self/mem", "input/output error"}, // its first page is never mapped; root may read all else
		"pipe":       {pipe, "named pipe"},
		"device":     {"/dev/zero", "character device"},
		"null":       {"/dev/null", "character device"},
		"huge_image": {huge(t, filepath.Join(dir, "x.img")), "not recognised"},
		"huge_jar":   {huge(t, filepath.Join(dir, "x.jar")), "not recognised"},
		"cut_gzip":   {cutGzip(t, filepath.Join(dir, "x.img.gz")), "unexpected EOF"},
		"not_gzip":   {write(t, filepath.Join(dir, "y.img.gz"), []byte("milk, eggs\n")), "gzip"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := readTarget(t, tt.target)
			if err == nil {
				t.Fatalf("got %+v, want an error", s.Inventory)
			}
			if !strings.Contains(err.Error(), tt.words) || !strings.Contains(err.Error(), filepath.Base(tt.target)) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line with %s and words about %q", err, filepath.Base(tt.target), tt.words)
			}
		})
	}
}

func cutGzip(t *testing.T, name string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(bytes.Repeat([]byte("disk"), 1<<16)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, name, b.Bytes()[:b.Len()/2])
}

// exampleImage unpacks the example's disk.
func exampleImage(t *testing.T) string {
	t.Helper()
	in, err := os.Open(filepath.Join("..", "..", "examples", "disk", "shop-web-01.img.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close() //nolint:errcheck // only read
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "disk.img")
	out, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, z); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestCutImage reads a disk of which the end is missing: whatever of it is still found is never taken for the whole.
func TestCutImage(t *testing.T) {
	image := exampleImage(t)
	whole, err := readTarget(t, image)
	if err != nil || len(whole.Inventory.Gaps) != 0 {
		t.Fatalf("the whole image: %v, gaps %+v", err, whole.Inventory.Gaps)
	}
	info, err := os.Stat(image)
	if err != nil {
		t.Fatal(err)
	}
	for _, tenths := range []int64{9, 5, 2, 0} {
		if err := os.Truncate(image, max(info.Size()*tenths/10, 4096)); err != nil {
			t.Fatal(err)
		}
		s, err := readTarget(t, image)
		switch {
		case err != nil:
			t.Logf("%d0 %%: %v", tenths, err)
		case len(s.Inventory.Gaps) == 0:
			t.Errorf("%d0 %%: got %d of %d packages and no gap", tenths, len(s.Inventory.Packages), len(whole.Inventory.Packages))
		default:
			t.Logf("%d0 %%: %d of %d packages, %d gaps, first %+v", tenths, len(s.Inventory.Packages), len(whole.Inventory.Packages), len(s.Inventory.Gaps), s.Inventory.Gaps[0])
		}
	}
}

// TestLoopedImage reads a disk on which a folder holds the root.
func TestLoopedImage(t *testing.T) {
	for _, tool := range []string{"mke2fs", "debugfs"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
				t.Fatalf("%s is missing", tool)
			}
			t.Skipf("SKIPPED: %s is missing (e2fsprogs)", tool)
		}
	}
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	for name, text := range map[string]string{
		"etc/os-release": "ID=debian\nVERSION_ID=\"12\"\n", "opt/a/b/c": "c",
		"var/lib/dpkg/status": "Package: bash\nStatus: install ok installed\nVersion: 5.2.15-2\nArchitecture: amd64\n",
	} {
		if err := os.MkdirAll(filepath.Join(tree, filepath.Dir(name)), 0o750); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(tree, name), []byte(text))
	}
	image := write(t, filepath.Join(dir, "loop.img"), make([]byte, 8<<20))
	for _, args := range [][]string{
		{"mke2fs", "-q", "-F", "-t", "ext4", "-O", "^metadata_csum", "-d", tree, image},
		{"debugfs", "-w", "-R", "ln / /opt/a/root", image},
		{"debugfs", "-w", "-R", "ln /opt/a /opt/a/b/up", image},
	} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	s, err := readTarget(t, image)
	wantGap(t, s, err, "opt/a", "two places")
	if len(s.Inventory.Packages) != 1 || s.Inventory.Packages[0].Name != "bash" {
		t.Errorf("got packages %+v, want bash, once", s.Inventory.Packages)
	}
}

// bomb is a jar whose nested jar unpacks to 1 GiB of zeros.
func bomb(t *testing.T) []byte {
	t.Helper()
	var inner bytes.Buffer
	pack := func(to io.Writer, name string, from io.Reader) {
		t.Helper()
		z := zip.NewWriter(to)
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, from); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	pack(&inner, "lib/inner.jar", io.LimitReader(zeros{}, 1<<30))
	return inner.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestBadFolder reads a folder with all that can be wrong in one; the good package beside it is found.
func TestBadFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bomb.jar"), bomb(t))
	huge(t, filepath.Join(dir, "x.jar"))
	huge(t, filepath.Join(dir, "x.img"))
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.jar"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "self")); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(dir, "node_modules", "good")
	if err := os.MkdirAll(good, 0o750); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(good, "package.json"), []byte(`{"name":"good","version":"1.2.3"}`))
	s, err := readTarget(t, dir)
	wantGap(t, s, err, "bomb.jar", "1073741824 bytes unpacked")
	wantGap(t, s, err, "x.jar", "")
	if len(s.Inventory.Packages) != 1 || s.Inventory.Packages[0].Name != "good" {
		t.Errorf("got packages %+v, want good", s.Inventory.Packages)
	}
	for _, g := range s.Inventory.Gaps {
		t.Logf("%s: %s", g.Path, g.Reason)
	}
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
	s, err := readTarget(t, exampleImage(t))
	if err != nil {
		t.Fatal(err)
	}
	match := func(file string) error {
		s.Matched = pipeline.Matched{}
		return app.Config{Log: slog.New(slog.DiscardHandler), Now: time.Now, Advisories: file}.MatchTarget(t.Context(), s)
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
