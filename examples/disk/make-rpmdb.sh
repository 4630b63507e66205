#!/bin/sh
# make-rpmdb.sh makes the package database of the demo's disk, rpmdb.sqlite, from
# packages.tsv with rpm's own tools: rpmbuild makes one package without files for
# each line, of the source package that the line names, and rpm enters them into an
# empty database (--justdb). Clock, user and build host do not matter: the same list
# and the same rpm and SQLite give the same bytes.
#
# Needs rpm and rpmbuild (4.18 here), awk.
# usage: examples/disk/make-rpmdb.sh [OUTPUT.sqlite]
set -eu
cd "$(dirname "$0")"
out=${1:-tree/usr/lib/sysimage/rpm/rpmdb.sqlite}
case $out in /*) ;; *) out=$PWD/$out ;; esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
export SOURCE_DATE_EPOCH=1787184000 LC_ALL=C HOME="$work" # 2026-08-20T00:00:00Z, as make-image.sh
mkdir "$work/spec"

# 1. One spec for each source package. A package of the same name is its main package, the others are sub-packages
# with their own epoch, version and release, as in the distribution's specs.
awk -F '\t' -v dir="$work/spec" '
/^#/ { next }
{
	source = $4; sub(/\.src\.rpm$/, "", source)
	n = split(source, part, "-")
	release = part[n]; version = part[n - 1]
	name = substr(source, 1, length(source) - length(version) - length(release) - 2)
	epoch = ""; evr = $2
	if (split(evr, e, ":") == 2) { epoch = e[1]; evr = e[2] }
	split(evr, vr, "-")
	if (!(source in head)) {
		head[source] = "Name: " name "\nVersion: " version "\nRelease: " release "\nSummary: " name \
			"\nLicense: not recorded\nVendor: AlmaLinux\nAutoReqProv: no\n"
		body[source] = "%description\nAn entry of the package database alone, without the files of the package.\n"
	}
	if ($1 == name) {
		if (epoch != "") head[source] = head[source] "Epoch: " epoch "\n"
		body[source] = body[source] "%files\n"
	} else {
		body[source] = body[source] "%package -n " $1 "\nSummary: " $1 (epoch == "" ? "" : "\nEpoch: " epoch) "\nVersion: " vr[1] "\nRelease: " vr[2] \
			"\nAutoReqProv: no\n%description -n " $1 "\nAn entry of the package database alone, without the files of the package.\n%files -n " $1 "\n"
	}
}
END { for (s in head) print head[s] body[s] >(dir "/" s ".spec") }
' packages.tsv

# 2. The packages.
for spec in "$work"/spec/*.spec; do
	rpmbuild -bb --quiet --target x86_64-linux --define "_topdir $work/top" --define '_buildhost localhost' --define 'use_source_date_epoch_as_buildtime 1' \
		--define 'debug_package %{nil}' --define '_build_id_links none' --define '__os_install_post %{nil}' "$spec" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
done

# 3. The database, in the order of the list.
mkdir "$work/db"
awk -F '\t' '!/^#/ { v = $2; sub(/^[0-9]+:/, "", v); print $1 "-" v "." $3 ".rpm" }' packages.tsv >"$work/files"
(cd "$work/top/RPMS/x86_64" && [ "$(find . -name '*.rpm' | wc -l)" -eq "$(wc -l <"$work/files")" ] && # shellcheck disable=SC2046 # names without spaces
	rpm --dbpath "$work/db" --define '_db_backend sqlite' -i --justdb --nodeps --noorder --ignorearch --ignoreos --nosignature $(cat "$work/files") 2>"$work/log") ||
	{ cat "$work/log" >&2; exit 1; }
[ ! -s "$work/db/rpmdb.sqlite-wal" ] || { echo "make-rpmdb: SQLite left a journal" >&2; exit 1; }

# 4. What rpm says is installed is what the list says.
rpm --dbpath "$work/db" --define '_db_backend sqlite' -qa --qf '%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\t%{SOURCERPM}\n' | sort >"$work/got"
grep -v '^#' packages.tsv | sort | diff - "$work/got"
mkdir -p "$(dirname "$out")"
install -m 0644 "$work/db/rpmdb.sqlite" "$out"
echo "$out: $(wc -l <"$work/got") packages, $(wc -c <"$out") bytes, SHA-256 $(sha256sum <"$out" | cut -d' ' -f1)"
