package disk_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/source/disk"
	"hinomi/internal/source/disk/disktest"
)

// subvolumes makes a btrfs whose files and subvolumes make makes.
func subvolumes(uuid string, make func(t testing.TB, dir string)) func(testing.TB, string) {
	return func(t testing.TB, image string) {
		t.Helper()
		run(t, "", "mkfs.btrfs", "-q", "-f", "-U", uuid, image)
		disktest.Mounted(t, image, "btrfs", "", func(dir string) { make(t, dir) })
	}
}

func script(t testing.TB, dir, text string) {
	t.Helper()
	disktest.Run(t, "sh", "-ec", "cd "+dir+"\n"+text)
}

// TestSubvolumes finds the root in a subvolume, and mounts others where fstab says, as the distributions install.
func TestSubvolumes(t *testing.T) {
	disktest.Need(t, "btrfs", "mkfs.btrfs", "btrfs", "mount", "umount", "sfdisk")
	const system = `
		mkdir -p $1/etc $1/usr/lib $1/home $1/var
		echo ID=$2 >$1/usr/lib/os-release; echo root:x:0:0 >$1/etc/passwd
	`
	for _, tt := range []struct {
		name, script, note string
		want               map[string]string
	}{
		{"fedora", `
			btrfs subvolume create root; btrfs subvolume create home; btrfs subvolume create var
			set -- root fedora; ` + system + `
			printf 'UUID=` + rootUUID + ` / btrfs subvol=root 0 0\nUUID=` + rootUUID + ` /home btrfs subvol=home 0 0\nLABEL=none /srv ext4 defaults 0 0\nUUID=` + rootUUID + ` /var btrfs subvol=var,x 0 0\n' >root/etc/fstab
			echo user >home/file; mkdir -p var/lib/rpm; echo db >var/lib/rpm/db
		`, `subvolume "root" of volume 0`, map[string]string{"usr/lib/os-release": "ID=fedora\n", "home/file": "user\n", "var/lib/rpm/db": "db\n"}},
		{"ubuntu_with_snapshots", `
			mkdir timeshift
			btrfs subvolume create @old; btrfs subvolume create @; btrfs subvolume create @home
			set -- @old older; ` + system + `
			set -- @ ubuntu; ` + system + `
			printf 'UUID=` + rootUUID + ` / btrfs defaults,subvol=@ 0 1\nUUID=` + rootUUID + ` /home btrfs subvolid=258 0 2\n' >@/etc/fstab
			echo user >@home/file
			btrfs subvolume snapshot @ timeshift/@
		`, `as its own etc/fstab says; 2 more`, map[string]string{"usr/lib/os-release": "ID=ubuntu\n", "home/file": "user\n"}},
		{"opensuse", `
			btrfs subvolume create @; btrfs subvolume create @/var; btrfs subvolume create @/.snapshots; mkdir @/.snapshots/1
			btrfs subvolume create @/.snapshots/1/snapshot
			set -- @/.snapshots/1/snapshot suse; ` + system + `
			printf 'UUID=` + rootUUID + ` / btrfs defaults 0 0\nUUID=` + rootUUID + ` /var btrfs subvol=/@/var 0 0\n' >@/.snapshots/1/snapshot/etc/fstab
			echo db >@/var/db
			btrfs subvolume set-default @/.snapshots/1/snapshot
		`, "", map[string]string{"usr/lib/os-release": "ID=suse\n", "var/db": "db\n", "@/var/db": "no such file"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := openDisk(t, makeDisk(t, "gpt", 240<<11+4096, part{2048, 240 << 11, "", subvolumes(rootUUID, func(t testing.TB, dir string) {
				script(t, dir, tt.script)
			})}), disk.Options{})
			root, err := disk.Mount(d)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for name := range tt.want {
				got[name] = text(root, name)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
			if notes := strings.Join(root.Notes, "\n"); !strings.Contains(notes, tt.note) || tt.note == "" && notes != "" {
				t.Errorf("notes %q, want %q", notes, tt.note)
			}
			if len(d.Gaps) > 0 {
				t.Errorf("gaps %q", d.Gaps)
			}
		})
	}
}

// TestMissingSubvolume says what is not there, and does not show another in its place.
func TestMissingSubvolume(t *testing.T) {
	disktest.Need(t, "btrfs", "mkfs.btrfs", "btrfs", "mount", "umount", "sfdisk")
	d := openDisk(t, makeDisk(t, "gpt", 240<<11+4096, part{2048, 240 << 11, "", subvolumes(rootUUID, func(t testing.TB, dir string) {
		script(t, dir, `mkdir -p etc home; echo root:x >etc/passwd; echo ID=x >etc/os-release; printf 'UUID=`+rootUUID+` /home btrfs subvol=@home 0 0\n' >etc/fstab`)
	})}), disk.Options{})
	root, err := disk.Mount(d)
	if err != nil {
		t.Fatal(err)
	}
	if len(root.Unmounted) != 1 || root.Unmounted[0].Path != "home" || !strings.Contains(root.Unmounted[0].Err.Error(), os.ErrNotExist.Error()) {
		t.Errorf("unmounted %+v, want home", root.Unmounted)
	}
}
