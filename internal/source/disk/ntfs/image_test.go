package ntfs_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/disk/ntfs"
	"hinomi/internal/source/disk/volume"
)

// missing skips a test that cannot run here, loudly, or fails it where everything must run.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
		t.Fatalf("NOT TESTED: %s", what)
	}
	t.Skipf("NOT TESTED: %s", what)
}

func tool(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/sbin", "/usr/sbin") {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && !info.IsDir() {
			return filepath.Join(dir, name)
		}
	}
	missing(t, name+" is not installed")
	return ""
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(tool(t, name), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// mkntfs makes an image of size bytes.
func mkntfs(t testing.TB, size int64, args ...string) string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, size); err != nil {
		t.Fatal(err)
	}
	run(t, "mkntfs", append(append([]string{"-F", "-q", "-L", "a label"}, args...), image)...)
	return image
}

// mounted lets ntfs-3g write into an image: fill is given the folder that it is mounted at.
func mounted(t testing.TB, image string, fill func(dir string)) {
	t.Helper()
	if os.Getuid() != 0 {
		missing(t, "mounting with ntfs-3g needs root")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		missing(t, "no /dev/fuse")
	}
	dir := t.TempDir()
	run(t, "ntfs-3g", "-o", "compression,streams_interface=windows", image, dir)
	done := false
	unmount := func() {
		if !done {
			done = true
			run(t, "umount", dir)
			waitForExit(t, image)
		}
	}
	defer unmount()
	fill(dir)
	unmount()
}

// waitForExit waits until ntfs-3g, which goes on after umount, has let go of the lock that it holds on the image.
func waitForExit(t testing.TB, image string) {
	t.Helper()
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLKW, &syscall.Flock_t{Type: syscall.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
}

// fileDevice is an image file.
type fileDevice struct {
	*os.File
	size int64
}

func (d *fileDevice) Size() int64 { return d.size }

func device(t testing.TB, image string) volume.Device {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return &fileDevice{f, info.Size()}
}

func open(t testing.TB, image string) volume.FS {
	t.Helper()
	fsys, err := ntfs.Open(device(t, image))
	if err != nil {
		t.Fatalf("open %s: %v", image, err)
	}
	t.Cleanup(func() { _ = fsys.Close() })
	return fsys
}

// node is what is compared of one name.
type node struct {
	Type, Sum string
	Size      int64
	MTime     time.Time
}

// ofOS reads a folder of this machine.
func ofOS(t testing.TB, dir string) map[string]node {
	t.Helper()
	nodes := map[string]node{}
	err := filepath.WalkDir(dir, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, full)
		n := node{Type: info.Mode().Type().String(), MTime: info.ModTime().UTC()}
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(full)
			if err != nil {
				return err
			}
			n.Size, n.Sum = info.Size(), fmt.Sprintf("%x", sha256.Sum256(data))
		}
		nodes[name] = n
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return nodes
}

// ofFS reads a file system through our reader.
func ofFS(t testing.TB, fsys volume.FS) map[string]node {
	t.Helper()
	nodes := map[string]node{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("walk %q: %w", name, err)
		}
		info, err := fsys.Lstat(name)
		if err != nil {
			return err
		}
		if d.Type() != info.Mode().Type() {
			t.Errorf("%q: entry says %v, inode %v", name, d.Type(), info.Mode().Type())
		}
		n := node{Type: info.Mode().Type().String(), MTime: info.ModTime()}
		if info.Mode().IsRegular() {
			n.Size, n.Sum = info.Size(), sum(t, fsys, name)
		}
		nodes[name] = n
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return nodes
}

// sum reads a file whole, in odd pieces, and from its end, which must agree.
func sum(t testing.TB, fsys fs.FS, name string) string {
	t.Helper()
	f, err := fsys.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	whole := make([]byte, info.Size())
	if n, err := f.(io.ReaderAt).ReadAt(whole, 0); n != len(whole) || err != nil && err != io.EOF {
		t.Fatalf("%q: ReadAt: %d of %d, %v", name, n, len(whole), err)
	}
	var read bytes.Buffer
	if _, err := io.CopyBuffer(&read, struct{ io.Reader }{f}, make([]byte, 3333)); err != nil {
		t.Fatalf("%q: %v", name, err)
	}
	back := make([]byte, len(whole))
	for end := len(back); end > 0; {
		start := max(0, end-77_777)
		if n, err := f.(io.ReaderAt).ReadAt(back[start:end], int64(start)); n != end-start {
			t.Fatalf("%q: ReadAt %d: %d, %v", name, start, n, err)
		}
		end = start
	}
	if !bytes.Equal(read.Bytes(), whole) || !bytes.Equal(back, whole) {
		t.Errorf("%q: three ways to read it differ", name)
	}
	return fmt.Sprintf("%x", sha256.Sum256(whole))
}

func noise(seed uint64, n int) []byte {
	rnd := rand.New(rand.NewPCG(seed, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

// prose is text that compresses.
func prose(seed uint64, n int) []byte {
	rnd := rand.New(rand.NewPCG(seed, 3))
	words := strings.Fields("a root and the branch fire lookout tower watches over every account instance volume \xe8\x01\x02\x00\x00 0123456789")
	var b bytes.Buffer
	for b.Len() < n {
		b.WriteString(words[rnd.IntN(len(words))])
		b.WriteByte(' ')
	}
	return b.Bytes()[:n]
}

func write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o640); err != nil {
		t.Fatal(err)
	}
}

// setxattr gives a file one of the attributes by which ntfs-3g sets what Linux has no word for.
func setxattr(t testing.TB, name, key string, value []byte) {
	t.Helper()
	if err := syscall.Setxattr(name, key, value, 0); err != nil {
		t.Fatalf("%s of %s: %v", key, name, err)
	}
}

// fill writes a tree with everything that ntfs-3g can make.
func fill(t testing.TB, dir string, many int) {
	t.Helper()
	for _, n := range []int{0, 1, 500, 700, 1024, 4096, 5000, 65536, 300_000, 5_000_000} {
		write(t, filepath.Join(dir, fmt.Sprintf("sizes/%07d", n)), noise(uint64(n), n))
	}
	for i := range many {
		write(t, filepath.Join(dir, fmt.Sprintf("many/file-with-a-rather-long-name-%04d-%s", i, strings.Repeat("x", i%100))), noise(uint64(i), i%70))
	}
	write(t, filepath.Join(dir, "Windows/System32/config/SOFTWARE"), []byte("hive"))
	write(t, filepath.Join(dir, "odd/ünï©ödé-😀"), []byte("unicode"))
	write(t, filepath.Join(dir, "odd/"+strings.Repeat("漢", 255)), []byte("long"))
	write(t, filepath.Join(dir, "odd/case"), []byte("lower"))
	write(t, filepath.Join(dir, "a/b/c/d/e/f/g/h/deep"), []byte("deep"))
	if err := os.Link(filepath.Join(dir, "odd/case"), filepath.Join(dir, "hard")); err != nil {
		t.Fatal(err)
	}
	sparse, err := os.Create(filepath.Join(dir, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{0, 70_000, 900_000, 3_000_000, 8_995_000} {
		if _, err := sparse.WriteAt(noise(uint64(at), 5000), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(sparse.Truncate(20_000_000), sparse.Close()); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "stream"), []byte("unnamed"))
	write(t, filepath.Join(dir, "stream:named"), bytes.Repeat([]byte("named"), 3000))
}

// fragment makes two files of many runs each, which need records beside their first, by writing them in turn.
func fragment(t testing.TB, dir string, parts int) {
	t.Helper()
	var files []*os.File
	for _, name := range []string{"fragments-a", "fragments-b"} {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close() //nolint:errcheck // ntfs-3g has each write at once
		files = append(files, f)
	}
	for i := range parts {
		for j, f := range files { // with holes, so that no two runs join
			if _, err := f.WriteAt(noise(uint64(2*i+j), 4096), int64(2*i)*65536); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// compressing makes a folder whose new files are compressed.
func compressing(t testing.TB, dir string) string {
	t.Helper()
	folder := filepath.Join(dir, "compressed")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	setxattr(t, folder, "system.ntfs_attrib_be", []byte{0, 0, 8, 0}) // FILE_ATTRIBUTE_COMPRESSED
	return folder
}

func compressed(t testing.TB, dir string) {
	t.Helper()
	folder := compressing(t, dir)
	write(t, filepath.Join(folder, "prose"), prose(1, 1_000_000))
	write(t, filepath.Join(folder, "noise"), noise(1, 300_000))
	write(t, filepath.Join(folder, "mixed"), bytes.Join([][]byte{prose(2, 70_000), noise(2, 70_000), make([]byte, 200_000), prose(3, 12_345)}, nil))
	write(t, filepath.Join(folder, "small"), prose(4, 3000))
}

func TestImage(t *testing.T) {
	for _, c := range []struct {
		name    string
		args    []string
		packing bool // clusters over 4 KiB are never compressed
	}{
		{"clusters_of_4k", []string{"-c", "4096"}, true},
		{"clusters_of_512", []string{"-c", "512"}, true},
		{"clusters_of_64k", []string{"-c", "65536"}, false},
		{"sectors_of_4k", []string{"-s", "4096"}, true}, // and records of 4 KiB
	} {
		t.Run(c.name, func(t *testing.T) {
			image := mkntfs(t, 256<<20, c.args...)
			var want map[string]node
			mounted(t, image, func(dir string) {
				fill(t, dir, 400)
				fragment(t, dir, 300)
				if c.packing {
					compressed(t, dir)
				}
			})
			mounted(t, image, func(dir string) { want = ofOS(t, dir) })
			fsys := open(t, image)
			if diff := cmp.Diff(want, ofFS(t, fsys)); diff != "" {
				t.Errorf("ntfs-3g -, got +:\n%.4000s", diff)
			}
			info := fsys.Info()
			if info.Type != "ntfs" || info.Label != "a label" || len(info.UUID) != 16 || len(info.Gaps) != 0 || len(info.Notes) != 0 {
				t.Errorf("got %+v", info)
			}
			if st, err := fsys.Stat("hard"); err != nil || st.Sys().(*volume.Stat).Nlink != 2 {
				t.Errorf("hard link: got %+v, %v", st, err)
			}
			for _, name := range []string{"WINDOWS/system32/Config/software", "windows/SYSTEM32/config/SOFTWARE", "ODD/ÜNÏ©ÖDÉ-😀"} {
				if data, err := fs.ReadFile(fsys, name); err != nil || len(data) == 0 {
					t.Errorf("%s: got %q, %v", name, data, err)
				}
			}
			if _, err := fsys.Stat("Windows/none"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got %v, want fs.ErrNotExist", err)
			}
		})
	}
}

func words(values ...uint32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

// reparsePoint writes a reparse point (MS-FSCC 2.1.2).
func reparsePoint(tag uint32, data []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, tag)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(data)))
	return append(append(b, 0, 0), data...)
}

// linkData is the data of a symbolic link, or without flags of a junction.
func linkData(target string, flags ...uint32) []byte {
	var name []byte
	for _, u := range utf16.Encode([]rune(target)) {
		name = binary.LittleEndian.AppendUint16(name, u)
	}
	b := binary.LittleEndian.AppendUint16(nil, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(name)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(name)))
	b = binary.LittleEndian.AppendUint16(b, 0)
	return append(append(b, words(flags...)...), name...)
}

// wimChunks packs a file with wimlib and returns its resource, which has the form of a CompactOS stream: a table of offsets, then the chunks.
func wimChunks(t testing.TB, data []byte, method string, chunk int) []byte {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "in/file"), data)
	wim := filepath.Join(dir, "out.wim")
	run(t, "wimcapture", filepath.Join(dir, "in"), wim, "--compress="+method+":100", fmt.Sprintf("--chunk-size=%d", chunk))
	raw, err := os.ReadFile(wim)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	resource := func(at int) (size, offset, plain uint64) {
		return le.Uint64(raw[at:]) & (1<<56 - 1), le.Uint64(raw[at+8:]), le.Uint64(raw[at+16:])
	}
	size, offset, _ := resource(48) // the lookup table, of entries of 50 bytes
	for at := int(offset); at+50 <= int(offset+size); at += 50 {
		if n, from, plain := resource(at); plain == uint64(len(data)) && raw[at+7]&4 != 0 {
			return raw[from : from+n]
		}
	}
	t.Fatal("the file is not in the WIM")
	return nil
}

// TestReparse reads links, junctions and files that CompactOS has packed.
func TestReparse(t *testing.T) {
	image := mkntfs(t, 64<<20)
	program, err := os.ReadFile(tool(t, "ntfs-3g")) // x86 calls, or those of another processor
	if err != nil {
		t.Fatal(err)
	}
	text := append(prose(5, 200_000), noise(5, 40_000)...)
	packed := []struct {
		name, method string
		chunk        int
		algorithm    uint32
		data         []byte
	}{
		{"xpress4k", "XPRESS", 4096, 0, text},
		{"lzx", "LZX", 32768, 1, text},
		{"lzx_program", "LZX", 32768, 1, program},
		{"xpress8k", "XPRESS", 8192, 2, program},
		{"xpress16k", "XPRESS", 16384, 3, text},
		{"one_chunk", "XPRESS", 4096, 0, prose(6, 3000)},
	}
	mounted(t, image, func(dir string) {
		write(t, filepath.Join(dir, "Program Files/x/file"), []byte("content"))
		for _, p := range packed {
			name := filepath.Join(dir, p.name)
			write(t, name, nil)
			if err := os.Truncate(name, int64(len(p.data))); err != nil {
				t.Fatal(err)
			}
			write(t, name+":WofCompressedData", wimChunks(t, p.data, p.method, p.chunk))
			setxattr(t, name, "system.ntfs_reparse_data", reparsePoint(0x80000017, words(1, 2, 1, p.algorithm)))
		}
		for name, data := range map[string][]byte{
			"relative":  reparsePoint(0xa000000c, linkData(`Program Files\x\file`, 1)),
			"absolute":  reparsePoint(0xa000000c, linkData(`\??\C:\program files\X\file`, 0)),
			"other":     reparsePoint(0xa000000c, linkData(`\??\D:\data`, 0)),
			"dedup":     reparsePoint(0x80000013, make([]byte, 100)),
			"wim":       reparsePoint(0x80000017, words(1, 1, 0, 0)),
			"algorithm": reparsePoint(0x80000017, words(1, 2, 1, 9)),
			"wsl":       reparsePoint(0xa000001d, append(words(2), "hard/../Program Files/x/file"...)),
			"unknown":   reparsePoint(0x80001234, make([]byte, 8)),
		} {
			write(t, filepath.Join(dir, name), nil)
			setxattr(t, filepath.Join(dir, name), "system.ntfs_reparse_data", data)
		}
		if err := os.Mkdir(filepath.Join(dir, "Junction"), 0o755); err != nil {
			t.Fatal(err)
		}
		setxattr(t, filepath.Join(dir, "Junction"), "system.ntfs_reparse_data", reparsePoint(0xa0000003, linkData(`\??\C:\Program Files`)))
	})
	fsys := open(t, image)
	for _, p := range packed {
		if got := sum(t, fsys, p.name); got != fmt.Sprintf("%x", sha256.Sum256(p.data)) {
			t.Errorf("%s: got other bytes", p.name)
		}
	}
	for name, want := range map[string]string{
		"relative": "Program Files/x/file", "absolute": "/program files/X/file", "Junction": "/Program Files", "wsl": "hard/../Program Files/x/file",
	} {
		if got, err := fsys.ReadLink(name); got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"relative", "absolute", "junction/x/FILE"} {
		if data, err := fs.ReadFile(fsys, name); string(data) != "content" || err != nil {
			t.Errorf("%s: got %q, %v", name, data, err)
		}
	}
	if _, err := fsys.ReadLink("other"); !errors.Is(err, volume.ErrUnsupported) || !strings.Contains(err.Error(), "drive D:") {
		t.Errorf("other: got %v", err)
	}
	for name, want := range map[string]string{"dedup": "deduplication", "wim": "provider 1", "algorithm": "algorithm 9", "unknown": "tag 0x80001234"} {
		if _, err := fsys.Open(name); !errors.Is(err, volume.ErrUnsupported) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}
