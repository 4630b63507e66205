package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/package-url/packageurl-go"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/origin"
	"hinomi/internal/source/extract/rpmdb"
)

// rpm reads the databases of rpm in all forms that it has had, at the places that distributions give them.
func rpm() Extractor {
	return Extractor{ID: "rpm", System: func(ctx context.Context, h *host.Host, out *Output) error {
		seen, from := map[string]bool{}, origin.Origins(nil)
		for _, dir := range []string{"var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"} {
			for _, base := range []string{"rpmdb.sqlite", "Packages.db", "Packages"} {
				name := path.Join(dir, base)
				real, err := h.Resolve(name)
				if errors.Is(err, fs.ErrNotExist) || err == nil && seen[real] {
					continue // one of the places is often a link to the other
				}
				seen[real] = true
				if err == nil {
					if from == nil {
						from = origin.Read(ctx, h, out.Note)
					}
					err = readRPM(ctx, h, real, from, out)
				}
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					out.Gap(name, err.Error())
				}
			}
		}
		return nil
	}}
}

func readRPM(ctx context.Context, h *host.Host, name string, from origin.Origins, out *Output) error {
	f, err := h.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	out.Database(name)
	files := rpmdb.Files{Main: f.Section()}
	for suffix, at := range map[string]**io.SectionReader{"-wal": &files.WAL, "-journal": &files.Journal} {
		if path.Base(name) != "rpmdb.sqlite" {
			break
		}
		j, err := h.Open(name + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("what it holds may be old: %w", err)
		}
		defer j.Close()
		*at = j.Section()
	}
	db, err := rpmdb.Open(files)
	if err != nil {
		return err
	}
	for _, n := range db.Notes {
		out.Note(host.Path(name) + ": " + n)
	}
	problems, own := 0, out.run.owned.claims()
	defer func() { out.run.owned.add(own) }()
	for blob, err := range db.Headers() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			err = rpmHeader(blob, name, from, own, out)
		}
		if err != nil {
			if problems++; problems <= 20 {
				out.Gap(name, err.Error())
			}
		}
	}
	if problems > 20 {
		out.Gap(name, fmt.Sprintf("%d more headers could not be read", problems-20))
	}
	return nil
}

func rpmHeader(blob []byte, name string, from origin.Origins, own *claims, out *Output) error {
	h, err := rpmdb.ParseHeader(blob)
	if err != nil {
		return err
	}
	if h.Name == "gpg-pubkey" {
		return nil // a public key that was imported, no package
	}
	os := out.OS()
	eco, _ := os.Ecosystem()
	epoch := h.Epoch
	if epoch == "0" {
		epoch = ""
	}
	p := inventory.Package{
		Ecosystem: eco, Name: h.Name, Version: h.EVR(), Arch: h.Arch, Module: h.Modularity, Vendor: h.Vendor, Location: host.Path(name),
		Repository: from[h.Name+"-"+h.Version+"-"+h.Release+"."+h.Arch],
		PURL:       systemPURL(packageurl.TypeRPM, os, h.Name, strings.TrimPrefix(h.EVR(), h.Epoch+":"), epoch, h.Arch),
	}
	if source, version, ok := h.Source(); ok {
		if p.SourceName = source; version != h.Version+"-"+h.Release {
			p.SourceVersion = version
		}
	}
	out.Add(p)
	if !rpmVendor(os, h.Vendor) {
		return nil
	}
	owner := out.run.owned.owner(h.Name)
	if err := h.Files(func(dir, base []byte) { own.claim(dir, base, owner) }); err != nil {
		return fmt.Errorf("files of %s: %w", h.Name, err)
	}
	return nil
}

// rpmVendor says whether a package is the distribution's own work, by the vendor that its build system writes. It is false for packages of
// other repositories, EPEL among them: their files are not patched by the distribution's advisories.
func rpmVendor(os inventory.OS, vendor string) bool {
	for id, want := range map[string]string{
		"almalinux": "AlmaLinux", "amzn": "Amazon", "centos": "CentOS", "fedora": "Fedora Project", "ol": "Oracle America", "rhel": "Red Hat, Inc.",
		"rocky": "Rocky", "sles": "SUSE LLC", "sled": "SUSE LLC", "sle-micro": "SUSE LLC", "sl-micro": "SUSE LLC",
	} {
		if os.ID == id {
			return strings.HasPrefix(vendor, want)
		}
	}
	return strings.HasPrefix(os.ID, "opensuse") && (strings.HasPrefix(vendor, "openSUSE") || strings.HasPrefix(vendor, "SUSE LLC"))
}
