package extract_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract"
	"hinomi/internal/source/extract/regf/regftest"
)

func hiveKey(name string, values []regftest.Value, keys ...regftest.Key) regftest.Key {
	return regftest.Key{Name: name, Values: values, Keys: keys}
}

func values(v ...regftest.Value) []regftest.Value { return v }

// update is a package of component based servicing.
func update(name string, state uint32, more ...regftest.Value) regftest.Key {
	return hiveKey(name, append(more, regftest.Uint32("CurrentState", state)))
}

func uninstall(name string, v ...regftest.Value) regftest.Key { return hiveKey(name, v) }

// software is a SOFTWARE hive of Windows Server 2022 with some updates and programs.
func software(more ...regftest.Key) regftest.Key {
	packages := []regftest.Key{
		update("Package_for_KB5034439~31bf3856ad364e35~amd64~~20348.2201.1.1", 0x70),
		update("Package_1_for_KB5034439~31bf3856ad364e35~amd64~~20348.2201.1.1", 0x70),
		update("Package_for_RollupFix~31bf3856ad364e35~amd64~~20348.2402.1.9", 0x70, regftest.String("InstallLocation", `\\?\C:\Windows\CbsTemp\3109_1\Windows10.0-KB5035857-x64.cab\`)),
		update("Package_for_RollupFix~31bf3856ad364e35~amd64~~20348.2322.1.6", 0x50, regftest.String("InstallLocation", `\\?\C:\x\KB5034770_x\`)),
		update("Package_for_ServicingStack_2400~31bf3856ad364e35~amd64~~20348.2400.1.0", 0x70),
		update("Package_for_DotNetRollup_481~31bf3856ad364e35~amd64~~10.0.9220.4", 0x70),
		update("Package_for_KB2919355_RTM_GM~31bf3856ad364e35~amd64~~6.3.1.14", 0x70),
		update("Package_7_for_KB2959936_SP1~31bf3856ad364e35~amd64~~6.3.1.1", 0x70),
		update("Package_for_KB5036909~31bf3856ad364e35~amd64~~20348.2461.1.1", 0x60),
		update("Package_for_KB4000000~31bf3856ad364e35~amd64~~20348.1.1.1", 0x40),
		update("Microsoft-Windows-Foundation-Package~31bf3856ad364e35~amd64~~10.0.20348.1", 0x70),
		hiveKey("Package_for_KB4111111~31bf3856ad364e35~amd64~~20348.1.1.1", nil),
	}
	return hiveKey("ROOT", nil,
		hiveKey("Microsoft", nil,
			hiveKey("NET Framework Setup", nil, hiveKey("NDP", nil, hiveKey("v4", nil, hiveKey("Full", values(regftest.String("Version", "4.8.04161")))))),
			hiveKey("Windows", nil, hiveKey("CurrentVersion", nil,
				hiveKey("Component Based Servicing", nil, hiveKey("Packages", nil, packages...)),
				hiveKey("Uninstall", nil, append([]regftest.Key{
					uninstall("{A1}", regftest.String("DisplayName", "7-Zip 22.01 (x64)"), regftest.String("DisplayVersion", "22.01"), regftest.String("Publisher", "Igor Pavlov")),
					uninstall("{A2}", regftest.String("DisplayName", "Old tool"), regftest.Uint32("Version", 1<<24|2<<16|3)),
					uninstall("{A3}", regftest.String("DisplayName", "Security Update (KB2468871)"), regftest.String("DisplayVersion", "1"), regftest.String("ParentKeyName", "x")),
					uninstall("AddressBook"),
				}, more...)...),
			)),
			hiveKey("Windows NT", nil, hiveKey("CurrentVersion", values(
				regftest.String("ProductName", "Windows Server 2022 Datacenter"), regftest.String("CurrentBuild", "20348"), regftest.Uint32("UBR", 2402),
				regftest.Uint32("CurrentMajorVersionNumber", 10), regftest.Uint32("CurrentMinorVersionNumber", 0), regftest.String("CurrentVersion", "6.3"),
				regftest.String("InstallationType", "Server Core"), regftest.String("DisplayVersion", "21H2"), regftest.String("BuildLabEx", "20348.859.amd64fre.fe_release_svc_prod2.220707-1832"),
			))),
		),
		hiveKey("WOW6432Node", nil, hiveKey("Microsoft", nil, hiveKey("Windows", nil, hiveKey("CurrentVersion", nil, hiveKey("Uninstall", nil,
			uninstall("Git", regftest.String("DisplayName", "Git 32"), regftest.String("DisplayVersion", "2.40.0")),
		))))),
	)
}

func windowsRoot() fstest.MapFS {
	user := hiveKey("ROOT", nil, hiveKey("Software", nil, hiveKey("Microsoft", nil, hiveKey("Windows", nil, hiveKey("CurrentVersion", nil,
		hiveKey("Uninstall", nil, uninstall("code", regftest.String("DisplayName", "Editor (User)"), regftest.String("DisplayVersion", "1.87.2"))))))))
	return fstest.MapFS{
		"windows/system32/Config/software":       {Data: regftest.Hive(software(), 5)},
		"Users/joe/NTUSER.DAT":                   {Data: regftest.Hive(user, 5)},
		"Users/Public/desktop.ini":               {Data: []byte("x")},
		"Program Files/x/x-1.dist-info/METADATA": {Data: []byte("Name: x\nVersion: 1\n")},
	}
}

const uninstallPlace = `/windows/system32/Config/software\Microsoft\Windows\CurrentVersion\Uninstall`

func TestWindows(t *testing.T) {
	inv := run(t, windowsRoot(), extract.Options{})
	want := inventory.OS{ID: "windows", VersionID: "2022", PrettyName: "Windows Server 2022 Datacenter 21H2", Arch: "amd64", Build: "10.0.20348.2402"}
	if diff := cmp.Diff(want, inv.OS); diff != "" {
		t.Error(diff)
	}
	wantPackages := []string{
		"python x 1",
		"windows-registry .NET Framework 4.8.04161",
		"windows-registry 7-Zip 22.01 (x64) 22.01",
		"windows-registry DotNetRollup 10.0.9220.4",
		"windows-registry Editor (User) 1.87.2",
		"windows-registry Git 32 2.40.0",
		"windows-registry KB2468871 1",
		"windows-registry KB2919355 6.3.1.14",
		"windows-registry KB2959936 6.3.1.1",
		"windows-registry KB5034439 20348.2201.1.1",
		"windows-registry KB5034770 20348.2322.1.6",
		"windows-registry KB5035857 20348.2402.1.9",
		"windows-registry Old tool 1.2.3",
		"windows-registry ServicingStack 20348.2400.1.0",
	}
	got := short(inv)
	slices.Sort(got)
	if diff := cmp.Diff(wantPackages, got); diff != "" {
		t.Error(diff)
	}
	for _, p := range inv.Packages {
		switch p.Name {
		case "7-Zip 22.01 (x64)":
			if p.Location != uninstallPlace+`\{A1}` || p.Vendor != "Igor Pavlov" || p.PURL != "pkg:generic/7-Zip%2022.01%20%28x64%29@22.01" {
				t.Errorf("got %+v", p)
			}
		case "KB5034770":
			if p.Status != "superseded" {
				t.Errorf("got %+v", p)
			}
		case "Editor (User)":
			if !strings.HasPrefix(p.Location, `/Users/joe/NTUSER.DAT\Software\Microsoft`) {
				t.Errorf("got %+v", p)
			}
		}
	}
	if len(inv.Gaps) != 1 {
		t.Errorf("got gaps %q", reasons(inv))
	}
	wantGap(t, inv, `/windows/system32/Config/software\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages\Package_for_KB4111111~31bf3856ad364e35~amd64~~20348.1.1.1`, "state is unknown")
	if notes := strings.Join(inv.Notes, "; "); !strings.Contains(notes, "wait for a restart") || !strings.Contains(notes, "KB5036909 20348.2461.1.1") {
		t.Errorf("got notes %q", inv.Notes)
	}
}

// TestWindowsLog finds a program that was installed after the hive was last written whole.
func TestWindowsLog(t *testing.T) {
	before := regftest.Hive(software(), 5)
	after := regftest.Hive(software(uninstall("new", regftest.String("DisplayName", "Newest"), regftest.String("DisplayVersion", "9"))), 5)
	dirty := slices.Clone(before)
	binary.LittleEndian.PutUint32(dirty[4:], 6)
	regftest.Seal(dirty)
	fsys := fstest.MapFS{"Windows/System32/config/SOFTWARE": {Data: dirty}, "Windows/System32/config/SOFTWARE.LOG1": {Data: regftest.EntryLog(5, before, after)}}
	inv := run(t, fsys, extract.Options{})
	if !slices.Contains(short(inv), "windows-registry Newest 9") {
		t.Errorf("got %q", short(inv))
	}
	if notes := strings.Join(inv.Notes, "; "); !strings.Contains(notes, "registry log replayed: 1 entries") {
		t.Errorf("got notes %q", notes)
	}
	delete(fsys, "Windows/System32/config/SOFTWARE.LOG1")
	inv = run(t, fsys, extract.Options{})
	if slices.Contains(short(inv), "windows-registry Newest 9") {
		t.Error("without its log, the hive holds the newest program")
	}
	wantGap(t, inv, "/Windows/System32/config/SOFTWARE", "logs could not be replayed", "may be missing")
}

func TestWindowsGaps(t *testing.T) {
	t.Run("no_hive", func(t *testing.T) {
		inv := run(t, fstest.MapFS{"Windows/System32/kernel32.dll": {Data: []byte("MZ")}}, extract.Options{})
		wantGap(t, inv, "/Windows/System32/config/SOFTWARE", "without a SOFTWARE hive")
		if inv.OS.ID != "windows" {
			t.Errorf("got %+v", inv.OS)
		}
	})
	t.Run("broken_hive", func(t *testing.T) {
		inv := run(t, fstest.MapFS{"Windows/System32/config/SOFTWARE": {Data: []byte(strings.Repeat("x", 9000))}}, extract.Options{})
		wantGap(t, inv, "/Windows/System32/config/SOFTWARE", "corrupt hive")
		wantGap(t, inv, "/", "no package database", "windows")
	})
	t.Run("empty_hive", func(t *testing.T) {
		inv := run(t, fstest.MapFS{"Windows/System32/config/SOFTWARE": {Data: regftest.Hive(hiveKey("ROOT", nil), 1)}}, extract.Options{})
		wantGap(t, inv, `/Windows/System32/config/SOFTWARE\Microsoft\Windows NT\CurrentVersion`, "does not exist")
		wantGap(t, inv, `/Windows/System32/config/SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages`, "installed updates are unknown")
	})
	t.Run("unknown_build", func(t *testing.T) {
		key := hiveKey("ROOT", nil, hiveKey("Microsoft", nil, hiveKey("Windows NT", nil, hiveKey("CurrentVersion", values(regftest.String("CurrentBuild", "99999"))))))
		inv := run(t, fstest.MapFS{"Windows/System32/config/SOFTWARE": {Data: regftest.Hive(key, 1)}}, extract.Options{})
		wantGap(t, inv, `/Windows/System32/config/SOFTWARE\Microsoft\Windows NT\CurrentVersion`, "belongs to no release")
	})
	t.Run("broken_user", func(t *testing.T) {
		fsys := windowsRoot()
		fsys["Users/joe/NTUSER.DAT"].Data = []byte("regf")
		wantGap(t, run(t, fsys, extract.Options{}), "/Users/joe/NTUSER.DAT", "base block")
	})
	t.Run("no_version", func(t *testing.T) {
		fsys := windowsRoot()
		fsys["windows/system32/Config/software"].Data = regftest.Hive(software(uninstall("n", regftest.String("DisplayName", "Nameless"))), 1)
		wantGap(t, run(t, fsys, extract.Options{}), uninstallPlace, "1 programs say no version: Nameless")
	})
}

func TestWindowsReleases(t *testing.T) {
	for _, c := range []struct{ build, kind, want string }{
		{"14393", "Server", "2016"},
		{"17763", "Server Core", "2019"},
		{"20348", "Server", "2022"},
		{"26100", "Server", "2025"},
		{"9600", "Server", "2012 R2"},
		{"26100", "Client", "11"},
		{"19045", "Client", "10"},
	} {
		key := hiveKey("ROOT", nil, hiveKey("Microsoft", nil, hiveKey("Windows NT", nil, hiveKey("CurrentVersion", values(
			regftest.String("CurrentVersion", "6.3"), regftest.String("CurrentBuild", c.build), regftest.String("InstallationType", c.kind))))))
		inv := run(t, fstest.MapFS{"Windows/System32/config/SOFTWARE": {Data: regftest.Hive(key, 1)}}, extract.Options{})
		if got := inv.OS.VersionID; got != c.want || inv.OS.Build != "6.3."+c.build {
			t.Errorf("%s %s: got %+v, want %s", c.build, c.kind, inv.OS, c.want)
		}
	}
}

// FuzzSoftware changes bytes of a hive, each given as its place and its new value.
func FuzzSoftware(f *testing.F) {
	hive := regftest.Hive(software(), 5)
	f.Add([]byte{})
	f.Add([]byte{0x20, 0x40, 0xff, 0x30, 0x10, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		raw := slices.Clone(hive)
		for ; len(data) >= 3; data = data[3:] {
			raw[int(binary.BigEndian.Uint16(data))%len(raw)] = data[2]
		}
		regftest.Seal(raw)
		inv, _, err := extract.Extract(context.Background(), fstest.MapFS{"Windows/System32/config/SOFTWARE": {Data: raw}}, extract.Options{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range inv.Gaps {
			if strings.Contains(g.Reason, "panicked") {
				t.Fatal(g.Reason)
			}
		}
		for _, p := range inv.Packages {
			if p.Name == "" || p.Version == "" || p.PURL == "" {
				t.Errorf("got %s", fmt.Sprintf("%+v", p))
			}
		}
	})
}
