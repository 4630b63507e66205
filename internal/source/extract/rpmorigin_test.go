package extract_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	_ "modernc.org/sqlite" // writes the history as dnf does

	"hinomi/internal/source/extract"
)

// history makes the database of dnf 4, with the tables and columns of libdnf's swdb/sql/create_tables.sql, left as a running dnf leaves it: in the
// write-ahead log.
func history(t testing.TB) (main, wal []byte) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "history.sqlite")
	db, err := sql.Open("sqlite", name)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	for _, statement := range []string{
		"PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0",
		"CREATE TABLE repo (id INTEGER PRIMARY KEY, repoid TEXT NOT NULL)",
		"CREATE TABLE rpm (item_id INTEGER UNIQUE NOT NULL, name TEXT NOT NULL, epoch INTEGER NOT NULL, version TEXT NOT NULL, release TEXT NOT NULL, arch TEXT NOT NULL)",
		"CREATE TABLE trans_item (id INTEGER PRIMARY KEY AUTOINCREMENT, trans_id INTEGER, item_id INTEGER, repo_id INTEGER, action INTEGER NOT NULL, reason INTEGER NOT NULL, state INTEGER NOT NULL)",
		"INSERT INTO repo VALUES (1, 'anaconda'), (2, '@System'), (7, 'baseos')",
		"INSERT INTO rpm VALUES (41, 'libuuid', 0, '2.32.1', '42.el8_8', 'x86_64'), (42, 'other', 0, '1', '2', 'noarch')",
		"INSERT INTO trans_item (trans_id, item_id, repo_id, action, reason, state) VALUES (1, 41, 1, 1, 1, 1), (2, 41, 7, 6, 1, 1), (3, 41, 2, 8, 1, 1)",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	main, err = os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if wal, err = os.ReadFile(name + "-wal"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return main, wal
}

func TestRepositoryOfPackages(t *testing.T) {
	main, wal := history(t)
	for _, c := range []struct {
		name, want, note string
		also             map[string]string
	}{
		{"none", "", "", nil},
		{"dnf", "baseos", "", map[string]string{"var/lib/dnf/history.sqlite": string(main), "var/lib/dnf/history.sqlite-wal": string(wal)}},
		{"dnf_damaged", "", "not known", map[string]string{"var/lib/dnf/history.sqlite": "SQLite?"}},
		{"dnf5", "updates", "", map[string]string{"usr/lib/sysimage/libdnf5/nevras.toml": "version = \"1.0\"\n[nevras]\n\"libuuid-2.32.1-42.el8_8.x86_64\" = {from_repo=\"updates\"}\n"}},
		{"dnf5_tables", "updates", "", map[string]string{"usr/lib/sysimage/libdnf5/nevras.toml": "[nevras.\"libuuid-2.32.1-42.el8_8.x86_64\"]\nfrom_repo = \"updates\"\n"}},
		{"yum", "amzn2extra-docker", "", map[string]string{"var/lib/yum/yumdb/l/0123abcd-libuuid-2.32.1-42.el8_8-x86_64/from_repo": "amzn2extra-docker", "var/lib/yum/yumdb/l/0123abcd-libuuid-2.32.1-42.el8_8-x86_64/reason": "dep"}},
		{"zypper", "repo-oss", "", map[string]string{"var/log/zypp/history": "# x\n2024-01-01 00:00:00|install|libuuid|2.32.1-42.el8_8|x86_64||repo-oss|abc|\n"}},
		{"system", "", "", map[string]string{"var/log/zypp/history": "2024-01-01 00:00:00|install|libuuid|2.32.1-42.el8_8|x86_64||@System|abc|\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := fstest.MapFS{"etc/os-release": {Data: []byte("ID=rhel\nVERSION_ID=8\n")}, "var/lib/rpm/Packages": {Data: unzipped(t, "rpmdb/libuuid.gz")}}
			for name, text := range c.also {
				fsys[name] = &fstest.MapFile{Data: []byte(text)}
			}
			inv := run(t, fsys, extract.Options{})
			if len(inv.Packages) != 1 || inv.Packages[0].Repository != c.want || !strings.Contains(strings.Join(inv.Notes, "\n"), c.note) || len(inv.Gaps) != 0 {
				t.Errorf("got %+v, notes %q, want %q", inv.Packages, inv.Notes, c.want)
			}
		})
	}
}

func FuzzHistory(f *testing.F) {
	main, wal := history(f)
	f.Add(main, wal)
	packages := unzipped(f, "rpmdb/libuuid.gz")
	f.Fuzz(func(t *testing.T, main, wal []byte) {
		inv := run(t, fstest.MapFS{"var/lib/rpm/Packages": {Data: packages}, "var/lib/dnf/history.sqlite": {Data: main}, "var/lib/dnf/history.sqlite-wal": {Data: wal}}, extract.Options{Workers: 1})
		if len(inv.Packages) != 1 {
			t.Errorf("got %q", short(inv))
		}
	})
}

func FuzzNevras(f *testing.F) {
	packages := unzipped(f, "rpmdb/libuuid.gz")
	f.Add([]byte("[nevras]\n\"libuuid-2.32.1-42.el8_8.x86_64\" = {from_repo=\"updates\"}\n"))
	f.Add([]byte("2024-01-01 00:00:00|install|libuuid|2.32.1-42.el8_8|x86_64||repo-oss|abc|\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		run(t, fstest.MapFS{"var/lib/rpm/Packages": {Data: packages}, "usr/lib/sysimage/libdnf5/nevras.toml": {Data: data}, "var/log/zypp/history": {Data: data}}, extract.Options{Workers: 1})
	})
}
