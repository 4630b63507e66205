package extract_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract"
)

const plistHead = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">`

func propertyList(body string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(plistHead + body + "</plist>\n")}
}

func macRoot(t testing.TB) fstest.MapFS {
	t.Helper()
	return fstest.MapFS{
		"System/Library/CoreServices/SystemVersion.plist": propertyList(`<dict><key>ProductBuildVersion</key><string>23E224</string>
			<key>ProductName</key><string>macOS</string><key>ProductVersion</key><string>14.4.1</string></dict>`),
		"private/var/db/receipts/com.amazon.aws.ssm.plist": propertyList(`<dict><key>InstallDate</key><date>2024-03-01T10:00:00Z</date>
			<key>PackageIdentifier</key><string>com.amazon.aws.ssm</string><key>PackageVersion</key><string>3.2.2303.0</string></dict>`),
		"private/var/db/receipts/com.amazon.aws.ssm.bom": {Data: []byte("BOMStore")},
		"Library/Receipts/InstallHistory.plist": propertyList(`<array>
			<dict><key>date</key><date>2024-03-01T10:00:00Z</date><key>displayName</key><string>XProtectPlistConfigData</string><key>displayVersion</key><string>2184</string>
				<key>packageIdentifiers</key><array><string>com.apple.pkg.XProtectPlistConfigData_10_15.16U4250</string></array><key>processName</key><string>softwareupdated</string></dict>
			<dict><key>date</key><date>2024-02-01T10:00:00Z</date><key>displayName</key><string>XProtectPlistConfigData</string><key>displayVersion</key><string>2183</string>
				<key>packageIdentifiers</key><array><string>com.apple.pkg.XProtectPlistConfigData_10_15.16U4249</string></array><key>processName</key><string>softwareupdated</string></dict>
			<dict><key>date</key><date>2024-02-01T10:00:00Z</date><key>displayName</key><string>Removed</string><key>displayVersion</key><string>1</string>
				<key>packageIdentifiers</key><array><string>org.other</string></array><key>processName</key><string>installer</string></dict></array>`),
		"Applications/Google Chrome.app/Contents/Info.plist":               {Data: []byte(fixture(t, "macos/ValidXML.plist"))},
		"Applications/gMacInformation.app/Contents/Info.plist":             {Data: []byte(fixture(t, "macos/BinaryApp.plist"))},
		"Applications/A.app/Contents/Frameworks/B.app/Contents/Info.plist": {Data: []byte("inside")},
	}
}

func TestMacOS(t *testing.T) {
	inv := run(t, macRoot(t), extract.Options{})
	if diff := cmp.Diff(inventory.OS{ID: "macos", VersionID: "14.4.1", Build: "23E224", PrettyName: "macOS 14.4.1"}, inv.OS); diff != "" {
		t.Error(diff)
	}
	got := short(inv)
	slices.Sort(got)
	want := []string{
		"macos-app Google Chrome 130.0.6723.69",
		"macos-app gMacInformation 202410231131",
		"macos-receipt XProtectPlistConfigData 2184",
		"macos-receipt com.amazon.aws.ssm 3.2.2303.0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(inv.Gaps) != 0 {
		t.Errorf("got gaps %q", reasons(inv))
	}
	for _, p := range inv.Packages {
		if p.Name == "Google Chrome" && (p.SourceName != "com.google.Chrome" || p.PURL != "pkg:generic/Google%20Chrome@130.0.6723.69" || p.Ecosystem != inventory.MacOS) {
			t.Errorf("got %+v", p)
		}
	}
}

func TestMacOSGaps(t *testing.T) {
	fsys := macRoot(t)
	broken := &fstest.MapFile{Data: []byte("bplist00 cut")}
	for name, reason := range map[string]string{
		"System/Library/CoreServices/SystemVersion.plist":      "not a property list",
		"private/var/db/receipts/com.amazon.aws.ssm.plist":     "not a property list",
		"Library/Receipts/InstallHistory.plist":                "not a property list",
		"Applications/gMacInformation.app/Contents/Info.plist": "not a property list",
	} {
		good := fsys[name]
		fsys[name] = broken
		wantGap(t, run(t, fsys, extract.Options{}), "/"+name, reason)
		fsys[name] = good
	}
	fsys["private/var/db/receipts/x.plist"] = propertyList("<dict/>")
	wantGap(t, run(t, fsys, extract.Options{}), "/private/var/db/receipts/x.plist", "without an identifier")
}

func FuzzInfoPlist(f *testing.F) {
	fuzz(f, "Applications/x.app/Contents/Info.plist", nil, fixture(f, "macos/ValidXML.plist"), fixture(f, "macos/BinaryApp.plist"))
}

const bottlerocketOS = "NAME=Bottlerocket\nID=bottlerocket\nPRETTY_NAME=\"Bottlerocket OS 1.20.0 (aws-k8s-1.29)\"\nVARIANT_ID=aws-k8s-1.29\nVERSION_ID=1.20.0\nBUILD_ID=fcf71a47\n"

// bottlerocketList has the form that twoliter's rpm2img writes; its release of 2023 had no Epoch.
const bottlerocketList = `{"Content": [
 {"Name":"containerd","Publisher":"Bottlerocket","Version":"1.7.15","Release":"1.1713393938.d5d2f4a8.br1","Epoch":"0","InstalledTime":"2024-05-01T00:00:00Z",
  "ApplicationType":"Unspecified","Architecture":"x86_64","Url":"https://github.com/containerd/containerd/","Summary":"An industry-standard container runtime"},
 {"Name":"shadow","Publisher":"Bottlerocket","Version":"4.14","Release":"1.br1","Epoch":"2","InstalledTime":"","ApplicationType":"","Architecture":"x86_64","Url":"","Summary":""},
 {"Name":"old","Publisher":"Bottlerocket","Version":"1","Release":"2","Architecture":"x86_64"}]}`

func TestBottlerocket(t *testing.T) {
	fsys := files(map[string]string{"etc/os-release": bottlerocketOS, "usr/share/bottlerocket/application-inventory.json": bottlerocketList})
	inv := run(t, fsys, extract.Options{})
	want := inventory.OS{ID: "bottlerocket", VersionID: "1.20.0", PrettyName: "Bottlerocket OS 1.20.0 (aws-k8s-1.29)", Build: "aws-k8s-1.29", Arch: "x86_64"}
	if diff := cmp.Diff(want, inv.OS); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"bottlerocket containerd 1.7.15-1.1713393938.d5d2f4a8.br1", "bottlerocket old 1-2", "bottlerocket shadow 2:4.14-1.br1"}, short(inv)); diff != "" {
		t.Error(diff)
	}
	if got := inv.Packages[2].PURL; got != "pkg:rpm/bottlerocket/shadow@4.14-1.br1?arch=x86_64&distro=bottlerocket-1.20.0&epoch=2" {
		t.Errorf("got %s", got)
	}
	if len(inv.Gaps) != 0 {
		t.Errorf("got gaps %q", reasons(inv))
	}
	t.Run("no_list", func(t *testing.T) {
		wantGap(t, run(t, files(map[string]string{"etc/os-release": bottlerocketOS}), extract.Options{}), "/", "no package database", "bottlerocket")
	})
	t.Run("broken_list", func(t *testing.T) {
		fsys["usr/share/bottlerocket/application-inventory.json"].Data = []byte(`{"Content": [{"Name":"x"`)
		wantGap(t, run(t, fsys, extract.Options{}), "/", "application-inventory.json", "unexpected end")
	})
	t.Run("no_version", func(t *testing.T) {
		fsys["usr/share/bottlerocket/application-inventory.json"].Data = []byte(`{"Content": [{"Name":"x"}]}`)
		wantGap(t, run(t, fsys, extract.Options{}), "/usr/share/bottlerocket/application-inventory.json", "no version")
	})
	if !json.Valid([]byte(bottlerocketList)) || strings.Count(bottlerocketList, "Name") != 3 {
		t.Error("the list is wrong")
	}
}

func FuzzBottlerocket(f *testing.F) {
	fuzz(f, "usr/share/bottlerocket/application-inventory.json", map[string]string{"etc/os-release": bottlerocketOS}, bottlerocketList)
}
