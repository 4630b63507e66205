package extract_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract"
)

// utmp writes a record as utmp(5) lays it out: 384 bytes on x86-64, 400 on 64-bit ARM.
func utmp(size int, kind uint16, user, hostname string, at time.Time) []byte {
	b := make([]byte, size)
	binary.LittleEndian.PutUint16(b, kind)
	copy(b[8:40], "~")
	copy(b[40:44], "~~")
	copy(b[44:76], user)
	copy(b[76:332], hostname)
	if size == 384 {
		binary.LittleEndian.PutUint32(b[340:], uint32(at.Unix()))
		binary.LittleEndian.PutUint32(b[344:], 999_999)
	} else {
		binary.LittleEndian.PutUint64(b[344:], uint64(at.Unix()))
		binary.LittleEndian.PutUint64(b[352:], 999_999)
	}
	return b
}

const older, newer = "6.1.0-9-amd64", "6.1.0-10-amd64"

// TestLastBoot names the running kernel of a disk by the log of logins, and does not where the log cannot know.
func TestLastBoot(t *testing.T) {
	day := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	boot := func(size int, release string, days int) []byte {
		return utmp(size, 2, "reboot", release, day.AddDate(0, 0, days))
	}
	logins := func(size, n int) []byte {
		return slices.Repeat(utmp(size, 7, "admin", "192.0.2.1", day.AddDate(0, 0, 1)), n)
	}
	for _, c := range []struct {
		name    string
		logs    map[string][]byte
		seed    time.Time // of systemd's random seed
		running bool
		note    string
	}{
		{"x86", map[string][]byte{"wtmp": slices.Concat(boot(384, newer, -9), boot(384, older, 0), logins(384, 3))}, day, true, "2026-08-01T12:00:00Z"},
		{"arm", map[string][]byte{"wtmp": slices.Concat(boot(400, newer, -9), boot(400, older, 0), logins(400, 3))}, day, true, "last boot before"},
		{"size_of_both", map[string][]byte{"wtmp": slices.Concat(boot(400, older, 0), logins(400, 23))}, day, true, "last boot before"},
		{"far_back", map[string][]byte{"wtmp": slices.Concat(boot(384, older, 0), logins(384, 1000))}, day, true, "last boot before"},
		{"behind_the_bound", map[string][]byte{"wtmp": slices.Concat(boot(384, older, 0), logins(384, 12_000)), "wtmp.1": boot(384, older, -3)}, day, false, ""},
		{"rotated", map[string][]byte{"wtmp": logins(384, 1), "wtmp.1": boot(384, older, 0)}, day, true, "last boot before"},
		{"rotated_by_date", map[string][]byte{"wtmp": {}, "wtmp-20260701": boot(384, newer, -40), "wtmp-20260801": boot(384, older, 0), "wtmp-20260802.gz": {1}}, day, true, "last boot before"},
		{"given_up", map[string][]byte{"wtmp": boot(384, older, -90)}, day, false, "is not told"},
		{"stopped", map[string][]byte{"wtmp": slices.Concat(boot(384, older, -90), utmp(384, 1, "shutdown", older, day))}, day.Add(time.Second), true, "last boot before"},
		{"not_installed", map[string][]byte{"wtmp": boot(384, "5.4.0-1-amd64", 0)}, day, false, "5.4.0-1-amd64 was booted last, which is not installed"},
		{"no_release", map[string][]byte{"wtmp": boot(384, "~\x1b[2J", 0)}, day, false, ""},
		{"cut", map[string][]byte{"wtmp": boot(384, older, 0)[:100]}, day, false, "not a log of logins"},
		{"big_endian", map[string][]byte{"wtmp": slices.Concat([]byte{0, 2}, boot(384, older, 0)[2:])}, day, false, "not a log of logins"},
		{"none", nil, day, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := files(map[string]string{"boot/vmlinuz-" + older: "x", "boot/vmlinuz-" + newer: "x"})
			fsys["var/lib/systemd/random-seed"] = &fstest.MapFile{ModTime: c.seed, Mode: 0o600}
			for name, b := range c.logs {
				fsys["var/log/"+name] = &fstest.MapFile{Data: b, Mode: 0o664}
			}
			inv := run(t, fsys, extract.Options{})
			want := inventory.Kernel{Release: newer, Installed: []string{newer, older}}
			if c.running {
				want.Release, want.Running = older, true
			}
			if diff := cmp.Diff(want, inv.Kernel); diff != "" {
				t.Error(diff)
			}
			if notes := strings.Join(inv.Notes, "\n"); !strings.Contains(notes, c.note) || c.note == "" && strings.Contains(notes, "wtmp") {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
			live := run(t, fsys, extract.Options{RunningKernel: newer})
			if live.Kernel.Release != newer || !live.Kernel.Running || strings.Contains(strings.Join(live.Notes, "\n"), "wtmp") {
				t.Errorf("live: %+v, %q", live.Kernel, live.Notes)
			}
		})
	}
}

// TestLoadedPatches reads the live patches of a host that runs, and never of a disk.
func TestLoadedPatches(t *testing.T) {
	const release = "5.14.0-362.8.1.el9_3.x86_64"
	page := func(s string) string { return s + "\n" }
	fsys := files(map[string]string{
		"boot/vmlinuz-" + release:                            "x",
		"sys/kernel/livepatch/kpatch_a_1/enabled":            page("1"),
		"sys/kernel/livepatch/kpatch_a_1/transition":         page("0"),
		"sys/kernel/livepatch/moving/enabled":                page("1"),
		"sys/kernel/livepatch/moving/transition":             page("1"),
		"sys/kernel/livepatch/off/enabled":                   page("0"),
		"sys/kernel/livepatch/old_kernel/enabled":            page("1"),
		"sys/kernel/livepatch/strange/enabled":               page("maybe"),
		"var/lib/kpatch/" + release + "/kpatch-a-1.ko":       "",
		"var/lib/dpkg/status":                                "Package: kpatch-patch-5_14_0-362_8_1\nStatus: install ok installed\nMaintainer: Debian Kernel Team <debian-kernel@lists.debian.org>\nArchitecture: amd64\nVersion: 1-2\n\n",
		"var/lib/dpkg/info/kpatch-patch-5_14_0-362_8_1.list": "/var/lib/kpatch/" + release + "/kpatch-a-1.ko\n",
		"etc/os-release":                                     debian12,
	})
	inv := run(t, fsys, extract.Options{RunningKernel: release})
	want := []inventory.LivePatch{
		{Name: "kpatch_a_1", Enabled: true, Package: "kpatch-patch-5_14_0-362_8_1", Version: "1-2"}, {Name: "moving"}, {Name: "off"}, {Name: "old_kernel", Enabled: true}, {Name: "strange"},
	}
	if diff := cmp.Diff(want, inv.Kernel.LivePatches); diff != "" {
		t.Error(diff)
	}
	if !slices.ContainsFunc(inv.Gaps, func(g inventory.Gap) bool {
		return strings.HasSuffix(g.Path, "livepatch/strange") && strings.Contains(g.Reason, "neither 0 nor 1")
	}) {
		t.Errorf("gaps %+v", inv.Gaps)
	}
	if disk := run(t, fsys, extract.Options{}); disk.Kernel.LivePatches != nil {
		t.Errorf("disk: %+v", disk.Kernel)
	}
	without := run(t, files(map[string]string{"sys/kernel/profiling": "0"}), extract.Options{RunningKernel: release})
	unseen := run(t, files(nil), extract.Options{RunningKernel: release})
	if without.Kernel.LivePatches == nil || len(without.Kernel.LivePatches) != 0 || unseen.Kernel.LivePatches != nil {
		t.Errorf("without %#v, unseen %#v", without.Kernel.LivePatches, unseen.Kernel.LivePatches)
	}
}

func FuzzWtmp(f *testing.F) {
	at := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	f.Add(utmp(384, 2, "reboot", older, at))
	f.Add(utmp(400, 2, "reboot", newer, at))
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, b []byte) {
		fsys := files(map[string]string{"boot/vmlinuz-" + older: "x", "boot/vmlinuz-" + newer: "x", "var/log/wtmp": string(b)})
		if k := run(t, fsys, extract.Options{}).Kernel; k.Running && !slices.Contains(k.Installed, k.Release) || k.Release == "" {
			t.Errorf("got %+v", k)
		}
	})
}
