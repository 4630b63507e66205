package xfs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fillTree makes every form that the reader has a case for.
func fillTree(t *testing.T, dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []int{0, 1, 10, 100, 3000} { // short form, block, leaf, node
		sub := filepath.Join(dir, fmt.Sprintf("dir%d", n))
		must(os.Mkdir(sub, 0o755))
		for i := range n {
			must(os.WriteFile(filepath.Join(sub, fmt.Sprintf("entry-%d-%s", i, strings.Repeat("x", i%60))), []byte(fmt.Sprint(i)), 0o644))
		}
		for i := 0; i < n; i += 3 { // holes and unused entries
			must(os.Remove(filepath.Join(sub, fmt.Sprintf("entry-%d-%s", i, strings.Repeat("x", i%60)))))
		}
	}
	for _, n := range []int{1, 50, 300, 600, 1000, 1023} {
		must(os.Symlink(strings.Repeat("s", n), filepath.Join(dir, fmt.Sprintf("link%d", n))))
	}
	must(os.WriteFile(filepath.Join(dir, "hard1"), []byte("hard"), 0o4711))
	must(os.Link(filepath.Join(dir, "hard1"), filepath.Join(dir, "dir1", "hard2")))
	must(os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600))
	must(os.WriteFile(filepath.Join(dir, "odd \xff\xfe\n name"), []byte("odd"), 0o600))
	must(syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644))
	must(syscall.Mknod(filepath.Join(dir, "null"), syscall.S_IFCHR|0o666, 1<<8|3))
	must(syscall.Mknod(filepath.Join(dir, "disk"), syscall.S_IFBLK|0o660, 259<<8|7))
	must(os.Chown(filepath.Join(dir, "empty"), 70000, 80000))
	must(os.Chtimes(filepath.Join(dir, "empty"), time.Unix(1, 5), time.Unix(-100000, 123456789)))
	for i := range 40 {
		must(syscall.Setxattr(filepath.Join(dir, "hard1"), fmt.Sprintf("user.%d", i), []byte(strings.Repeat("v", 100)), 0))
	}
	sparse, err := os.Create(filepath.Join(dir, "sparse"))
	must(err)
	_, err = sparse.WriteAt([]byte("end"), 50<<30)
	must(err)
	must(sparse.Truncate(10 << 20))
	_, err = sparse.WriteAt([]byte("middle"), 5<<20+77)
	must(err)
	must(syscall.Fallocate(int(sparse.Fd()), 0, 8<<20, 1<<20)) // unwritten
	must(sparse.Close())
	big, err := os.Create(filepath.Join(dir, "fragmented"))
	must(err)
	block := make([]byte, 4096)
	for i := range 4000 { // every second block: a block map of three levels with small blocks
		copy(block, fmt.Sprintf("block %d", i))
		_, err = big.WriteAt(block, int64(i)*8192)
		must(err)
	}
	must(big.Close())
}

func TestTreesOfEveryForm(t *testing.T) {
	need(t)
	for _, tt := range []struct {
		name string
		mkfs []string
	}{
		{"default", nil},
		{"block_1024", []string{"-b", "size=1024"}},
		{"block_1024_dirblock_8192", []string{"-b", "size=1024", "-n", "size=8192"}},
		{"nrext64", []string{"-i", "nrext64=1"}},
		{"nrext64_block_1024", []string{"-i", "nrext64=1", "-b", "size=1024"}},
		{"no_bigtime", []string{"-m", "bigtime=0"}},
		{"no_sparse_inodes", []string{"-i", "sparse=0"}},
		{"no_reflink_no_finobt", []string{"-m", "reflink=0,finobt=0,inobtcount=0"}},
		{"rmapbt", []string{"-m", "rmapbt=1"}},
		{"inode_2048", []string{"-i", "size=2048"}},
		{"sector_4096", []string{"-s", "size=4096"}},
		{"log_stripes", []string{"-l", "su=256k"}},
		{"many_groups", []string{"-d", "agcount=16"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			image := newImage(t, "2G", tt.mkfs...)
			mounted(t, image, func(dir string) { fillTree(t, dir) })
			mounted(t, image, func(dir string) {
				fsys := openImage(t, image)
				files, folders := sameTree(t, dir, fsys)
				if files < 2000 || folders != 6 {
					t.Errorf("got %d files, %d folders: the tree was not read", files, folders)
				}
				t.Logf("%d files, %d folders, %+v", files, folders, fsys.Info())
			})
		})
	}
}
