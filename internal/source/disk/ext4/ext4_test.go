package ext4_test

import "testing"

// images are the forms of ext2, ext3 and ext4 that mke2fs makes.
var images = []struct {
	name string
	kind string
	args []string
}{
	{"ext4", "ext4", []string{"-t", "ext4", "-b", "4096"}},
	{"ext3", "ext3", []string{"-t", "ext3", "-b", "4096"}},
	{"ext2", "ext2", []string{"-t", "ext2", "-b", "4096"}},
	{"ext2_rev0", "ext2", []string{"-t", "ext2", "-b", "4096", "-r", "0", "-O", "none"}},
	{"ext2_1k", "ext2", []string{"-t", "ext2", "-b", "1024"}},
	{"ext4_1k", "ext4", []string{"-t", "ext4", "-b", "1024"}},
	{"ext4_2k", "ext4", []string{"-t", "ext4", "-b", "2048"}},
	{"ext4_64k", "ext4", []string{"-t", "ext4", "-b", "65536"}},
	{"bigalloc", "ext4", []string{"-t", "ext4", "-b", "4096", "-O", "bigalloc", "-C", "65536"}},
	{"bigalloc_1k", "ext4", []string{"-t", "ext4", "-b", "1024", "-O", "bigalloc", "-C", "16384"}},
	{"inline_data", "ext4", []string{"-t", "ext4", "-b", "4096", "-O", "inline_data", "-I", "256"}},
	{"inline_data_1k", "ext4", []string{"-t", "ext4", "-b", "4096", "-O", "inline_data", "-I", "1024"}},
	{"no_64bit", "ext4", []string{"-t", "ext4", "-b", "4096", "-O", "^64bit"}},
	{"64bit", "ext4", []string{"-t", "ext4", "-b", "4096", "-O", "64bit"}},
	{"no_metadata_csum", "ext4", []string{"-t", "ext4", "-b", "4096", "-O", "^metadata_csum,uninit_bg"}},
	{"no_checksums", "ext4", []string{"-t", "ext4", "-b", "4096", "-O", "^metadata_csum,^uninit_bg"}},
	{"metadata_csum_seed", "ext4", []string{"-t", "ext4", "-b", "4096", "-O", "metadata_csum,metadata_csum_seed,64bit"}},
	{"meta_bg", "ext4", []string{"-t", "ext4", "-b", "1024", "-g", "1024", "-O", "meta_bg,^resize_inode"}},
	{"meta_bg_no_csum", "ext4", []string{"-t", "ext4", "-b", "1024", "-g", "1024", "-O", "meta_bg,^resize_inode,^metadata_csum,^64bit"}},
	{"sparse_super2", "ext4", []string{"-t", "ext4", "-b", "4096", "-O", "sparse_super2"}},
	{"no_flex_bg", "ext4", []string{"-t", "ext4", "-b", "1024", "-O", "^flex_bg"}},
	{"no_extents", "ext4", []string{"-t", "ext4", "-b", "4096", "-O", "^extents,^64bit"}},
	{"no_filetype", "ext4", []string{"-t", "ext4", "-b", "4096", "-O", "^filetype"}},
	{"inode_128", "ext4", []string{"-t", "ext4", "-b", "4096", "-I", "128"}},
	{"inode_1024", "ext4", []string{"-t", "ext4", "-b", "4096", "-I", "1024"}},
	{"many_features", "ext4", []string{"-t", "ext4", "-b", "4096", "-O", "encrypt,verity,casefold,ea_inode,large_dir,quota,project,mmp"}},
	{"no_journal", "ext4", []string{"-t", "ext4", "-b", "4096", "-O", "^has_journal"}},
}

// TestEveryForm compares every file of every form with its source.
func TestEveryForm(t *testing.T) {
	source := tree(t)
	want := ofOS(t, source)
	for _, c := range images {
		t.Run(c.name, func(t *testing.T) {
			image := mke2fs(t, 64<<20, source, c.args...)
			fsys := open(t, image)
			info := fsys.Info()
			if info.Type != c.kind || info.Label != "a label" || info.UUID != "6e0cd42e-8d2b-4f2c-9a3e-1b9a50b4c111" {
				t.Errorf("info: got %+v, want %s", info, c.kind)
			}
			if len(info.Gaps) != 0 {
				t.Errorf("gaps: %q", info.Gaps)
			}
			diff(t, withoutTimes(want), withoutTimes(ofFS(t, fsys)))
		})
	}
}

// withoutTimes drops what mke2fs -d keeps to the second only.
func withoutTimes(nodes map[string]node) map[string]node {
	out := map[string]node{}
	for name, n := range nodes {
		n.MTime = node{}.MTime
		out[name] = n
	}
	return out
}
