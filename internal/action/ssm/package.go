package ssm

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	collectorPackage = "HinomiCollector"
	linuxFolder      = "/opt/hinomi/bin"
	windowsFolder    = `C:\Program Files\Hinomi`
)

// Binary is the collector for one platform: a static program.
type Binary struct {
	OS   string // linux, windows
	Arch string // x86_64, arm64, as Distributor names them
	Data []byte
}

// Package is the collector as Distributor takes it: a manifest with the SHA-256 of every file, which the agent checks before it installs
// (Systems Manager User Guide, "Create a package in Distributor").
type Package struct {
	Version  string
	Manifest string
	Files    []File
}

// File is one archive of a package.
type File struct {
	Name   string
	SHA256 string // hex
	Data   []byte
	os     string
}

var versionPattern = regexp.MustCompile(`^[0-9A-Za-z_.-]{1,64}$`)

// maxFile is the largest archive that Distributor takes, 1 GB.
const maxFile = 1 << 30

// Pack makes the package of binaries: for each an archive with the program and the scripts that install and uninstall it. The same
// binaries give the same bytes.
func Pack(version string, binaries ...Binary) (*Package, error) {
	if !versionPattern.MatchString(version) {
		return nil, fmt.Errorf("package version %q is not letters, digits, dots, dashes and underscores", version)
	}
	p := &Package{Version: version}
	type ref struct {
		File string `json:"file"`
	}
	platforms := map[string]map[string]map[string]ref{}
	files := map[string]object{}
	for _, b := range binaries {
		// The agent looks for its own platform's name first and for _any then; Linux has a name per distribution.
		key := map[string]string{"linux": "_any", "windows": "windows"}[b.OS]
		if key == "" || b.Arch != "x86_64" && b.Arch != "arm64" {
			return nil, fmt.Errorf("no package for %s/%s", b.OS, b.Arch)
		}
		f, err := archive(b)
		if err != nil {
			return nil, err
		}
		if platforms[key] == nil {
			platforms[key] = map[string]map[string]ref{"_any": {}}
		}
		if _, twice := platforms[key]["_any"][b.Arch]; twice {
			return nil, fmt.Errorf("two binaries for %s/%s", b.OS, b.Arch)
		}
		platforms[key]["_any"][b.Arch] = ref{f.Name}
		files[f.Name] = object{"checksums": object{"sha256": f.SHA256}, "size": len(f.Data)}
		p.Files = append(p.Files, f)
	}
	if len(p.Files) == 0 {
		return nil, fmt.Errorf("a package needs a binary")
	}
	slices.SortFunc(p.Files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	p.Manifest = writeJSON(object{"schemaVersion": "2.0", "version": version, "publisher": "hinomi", "packages": platforms, "files": files})
	return p, nil
}

func (p *Package) has(os string) bool {
	return p != nil && slices.ContainsFunc(p.Files, func(f File) bool { return f.os == os })
}

func archive(b Binary) (File, error) {
	sum := sha256.Sum256(b.Data)
	hash := hex.EncodeToString(sum[:])
	program, ext := "hinomi", ".sh"
	in, un := linuxInstall, linuxUninstall
	if b.OS == "windows" {
		program, ext, in, un = "hinomi.exe", ".ps1", windowsInstall, windowsUninstall
	}
	fill := strings.NewReplacer("@SHA256@", hash, "@LINUX@", linuxFolder, "@WINDOWS@", windowsFolder)
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, f := range []struct {
		name string
		data []byte
		mode uint32
	}{{program, b.Data, 0o755}, {"install" + ext, []byte(fill.Replace(in)), 0o755}, {"uninstall" + ext, []byte(fill.Replace(un)), 0o755}} {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
		h.ExternalAttrs = f.mode << 16
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = io.Copy(w, bytes.NewReader(f.data))
		}
		if err != nil {
			return File{}, fmt.Errorf("archive %s: %w", f.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return File{}, fmt.Errorf("archive for %s/%s: %w", b.OS, b.Arch, err)
	}
	if buf.Len() > maxFile {
		return File{}, fmt.Errorf("archive for %s/%s has %d bytes, at most %d", b.OS, b.Arch, buf.Len(), maxFile)
	}
	all := sha256.Sum256(buf.Bytes())
	return File{Name: fmt.Sprintf("hinomi-%s-%s.zip", b.OS, b.Arch), SHA256: hex.EncodeToString(all[:]), Data: buf.Bytes(), os: b.OS}, nil
}

// The scripts run in the folder of the unpacked archive. A new version replaces the old one in one step. HINOMI_DIR is for those who
// install elsewhere.
const linuxInstall = `#!/bin/sh
set -eu
umask 022
dir=${HINOMI_DIR:-@LINUX@}
if command -v sha256sum >/dev/null 2>&1; then
	echo '@SHA256@  hinomi' | sha256sum -c - >/dev/null
fi
mkdir -p "$dir"
cp hinomi "$dir/.hinomi.new"
chmod 0755 "$dir/.hinomi.new"
mv -f "$dir/.hinomi.new" "$dir/hinomi"
`

const linuxUninstall = `#!/bin/sh
set -eu
dir=${HINOMI_DIR:-@LINUX@}
rm -f "$dir/hinomi" "$dir/.hinomi.new"
rmdir "$dir" 2>/dev/null || true
case $dir in */hinomi/bin) rmdir "${dir%/bin}" 2>/dev/null || true ;; esac
`

const windowsInstall = `$ErrorActionPreference = 'Stop'
$dir = '@WINDOWS@'
if ((Get-FileHash -Algorithm SHA256 -LiteralPath '.\hinomi.exe').Hash -ne '@SHA256@') { Write-Error 'hinomi.exe is not what was packed'; exit 1 }
New-Item -ItemType Directory -Force -Path $dir | Out-Null
Copy-Item -Force -LiteralPath '.\hinomi.exe' -Destination (Join-Path $dir 'hinomi.new.exe')
Move-Item -Force -LiteralPath (Join-Path $dir 'hinomi.new.exe') -Destination (Join-Path $dir 'hinomi.exe')
exit 0
`

const windowsUninstall = `$ErrorActionPreference = 'Stop'
$dir = '@WINDOWS@'
if (Test-Path -LiteralPath $dir) { Remove-Item -Recurse -Force -LiteralPath $dir }
exit 0
`
