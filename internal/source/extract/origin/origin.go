// Package origin reads which repositories installed packages came from, as package managers remember it beside the database of rpm.
package origin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/rpmdb"
)

// maxOrigins bounds the packages whose repository is remembered: a host of many years has installed some ten thousand.
const maxOrigins = 200_000

var errOrigins = fmt.Errorf("more than %d packages", maxOrigins)

// Origins say which repository a package came from, by name-version-release.arch, as yum, dnf and zypper remember it. The database of rpm does not.
type Origins map[string]string

func (o Origins) put(key, repository string) error {
	if repository == "" || strings.HasPrefix(repository, "@") { // @System, @commandline: not from a repository
		return nil
	}
	if _, had := o[key]; !had && len(o) >= maxOrigins {
		return errOrigins
	}
	o[key] = repository
	return nil
}

// Read asks every manager that may have been at work. What cannot be read leaves packages without a repository, and a note.
func Read(ctx context.Context, h *host.Host, note func(string)) Origins {
	o := Origins{}
	for _, source := range []struct {
		name string
		read func(context.Context, *host.Host, string) error
	}{
		{"var/lib/yum/yumdb", o.yum},
		{"var/lib/dnf/history.sqlite", o.dnf},
		{"usr/lib/sysimage/libdnf5/nevras.toml", o.dnf5},
		{"var/log/zypp/history", o.zypper},
	} {
		if err := source.read(ctx, h, source.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			note(fmt.Sprintf("%s: the repositories of some packages are not known: %v", host.Path(source.name), err))
		}
	}
	return o
}

// yum reads yumdb, one folder a package: INITIAL/CHECKSUM-NAME-VERSION-RELEASE-ARCH/from_repo (yum, rpmsack.py, RPMDBAdditionalData).
func (o Origins) yum(ctx context.Context, h *host.Host, name string) error {
	real, initials, err := h.ReadDir(name)
	if err != nil {
		return err
	}
	for _, initial := range initials {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !initial.IsDir() {
			continue
		}
		dir, packages, err := h.ReadDir(path.Join(real, initial.Name()))
		if err != nil {
			return err
		}
		for _, p := range packages {
			_, key, ok := strings.Cut(p.Name(), "-")
			i := strings.LastIndexByte(key, '-')
			if !ok || i < 0 {
				continue
			}
			text, err := h.ReadFile(path.Join(dir, p.Name(), "from_repo"), 4096)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			if err := o.put(key[:i]+"."+key[i+1:], strings.TrimSpace(string(text))); err != nil {
				return err
			}
		}
	}
	return nil
}

// dnf reads the history that dnf 4 keeps (libdnf, swdb/sql/create_tables.sql): rpm(item_id, name, epoch, version, release, arch),
// trans_item(id, trans_id, item_id, repo_id, …) and repo(id, repoid). The last transaction that names a repository counts.
func (o Origins) dnf(_ context.Context, h *host.Host, name string) error {
	f, err := h.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	files := rpmdb.Files{Main: f.Section()}
	if wal, err := h.Open(name + "-wal"); err == nil {
		defer wal.Close()
		files.WAL = wal.Section()
	}
	db, err := rpmdb.OpenTables(files)
	if err != nil {
		return err
	}
	repositories, packages := map[int64]string{}, map[int64]string{}
	err = db.Rows("repo", 2, func(row int64, v []rpmdb.Value) error {
		repositories[row] = v[1].Text
		return limited(len(repositories))
	})
	if err != nil {
		return err
	}
	err = db.Rows("rpm", 6, func(row int64, v []rpmdb.Value) error {
		id := v[0].Int
		if id == 0 {
			id = row
		}
		packages[id] = v[1].Text + "-" + v[3].Text + "-" + v[4].Text + "." + v[5].Text
		return limited(len(packages))
	})
	if err != nil {
		return err
	}
	return db.Rows("trans_item", 4, func(_ int64, v []rpmdb.Value) error {
		if key, ok := packages[v[2].Int]; ok {
			return o.put(key, repositories[v[3].Int])
		}
		return nil
	})
}

func limited(n int) error {
	if n > maxOrigins {
		return errOrigins
	}
	return nil
}

var (
	nevraLine  = regexp.MustCompile(`^"?([^"=\s]+)"?\s*=\s*\{\s*"?from_repo"?\s*=\s*"([^"]*)"`)
	nevraTable = regexp.MustCompile(`^\[nevras\."([^"]+)"\]`)
	nevraFrom  = regexp.MustCompile(`^"?from_repo"?\s*=\s*"([^"]*)"`)
)

// dnf5 reads the state of dnf 5 (libdnf5, system/state.cpp), nevras.toml: "NAME-VERSION-RELEASE.ARCH" = {from_repo = "…"}, or a table of each.
func (o Origins) dnf5(_ context.Context, h *host.Host, name string) error {
	f, err := h.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	current := ""
	return f.Lines(f.Limit(), func(line []byte, _ bool) error {
		if m := nevraLine.FindSubmatch(line); m != nil {
			return o.put(string(m[1]), string(m[2]))
		}
		if m := nevraTable.FindSubmatch(line); m != nil {
			current = string(m[1])
		} else if m := nevraFrom.FindSubmatch(line); m != nil && current != "" {
			return o.put(current, string(m[1]))
		}
		return nil
	})
}

// zypper reads the history of libzypp: date|install|name|version-release|arch|user|repository|checksum (zypper(8), "FILES").
func (o Origins) zypper(_ context.Context, h *host.Host, name string) error {
	f, err := h.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Lines(f.Limit(), func(line []byte, _ bool) error {
		fields := strings.SplitN(string(line), "|", 8)
		if len(fields) < 7 || fields[1] != "install" || strings.HasPrefix(fields[0], "#") {
			return nil
		}
		return o.put(fields[2]+"-"+fields[3]+"."+fields[4], fields[6])
	})
}
