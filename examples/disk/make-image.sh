#!/bin/sh
# make-image.sh builds the demo's disk, shop-web-01.img.gz, from the files in
# tree/ and from one data fixture of the module github.com/google/osv-scalibr
# (see ORIGIN.tsv). The result does not depend on the machine's clock, user or
# file order: the same inputs and e2fsprogs give the same bytes.
#
# Needs go, mke2fs, debugfs and e2fsck (e2fsprogs), sfdisk (fdisk), gzip.
# usage: examples/disk/make-image.sh [OUTPUT.img.gz [FOLDER]]
#   FOLDER, which must not exist, gets the files of the disk as `gen-example -feeds` wants them.
set -eu
cd "$(dirname "$0")"
out=${1:-shop-web-01.img.gz}
case $out in /*) ;; *) out=$PWD/$out ;; esac
keep=${2:-}
[ -z "$keep" ] || [ ! -e "$keep" ] || { echo "make-image: $keep exists" >&2; exit 1; }

epoch=1787184000                             # 2026-08-20T00:00:00Z, the day of the newest package on it
fs_uuid=5f0e2a61-3f6b-4c7e-9d52-8a1b6c40e9d1 # these four name nothing: they are fixed so that the bytes are
hash_seed=0b7c5a52-6a0d-4f6f-8a43-2f1d7be0c3aa
disk_uuid=1C5D9E0B-7A53-4E0C-8F2B-66D3A1F0B7E4
boot_uuid=3E2F1A7C-90B4-4D1E-A5C8-17B2C9D4E6F0
root_uuid=8D4B6C2E-51F7-4A39-B0E6-F2A9C3D5E718

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
module=$(cd ../.. && go list -m -f '{{.Dir}}' github.com/google/osv-scalibr)
[ -n "$module" ] || { echo "make-image: module osv-scalibr not downloaded: run 'go mod download github.com/google/osv-scalibr'" >&2; exit 1; }

# 1. The tree: as committed (the package database is make-rpmdb.sh's), and the build information of one Go program.
cp -R tree "$work/root"
mkdir -p "$work/root/opt/ingress-nginx"
(cd ../.. && go run ./cmd/gen-example -hollow "$module/extractor/filesystem/language/golang/gobinary/testdata/nginx-ingress-controller" \
	-out "$work/root/opt/ingress-nginx/nginx-ingress-controller")
find "$work/root" -type d -exec chmod 0755 {} +
find "$work/root" -type f -exec chmod 0644 {} +
chmod 0755 "$work/root/opt/ingress-nginx/nginx-ingress-controller"
find "$work/root" -exec touch -h -d "@$epoch" {} +

# 2. Every file is the one ORIGIN.tsv names.
(cd "$work/root" && grep -v '^#' "$OLDPWD/ORIGIN.tsv" | cut -f1,2 | while read -r sum path; do
	echo "$sum  $path"
done | sha256sum --check --quiet --strict)
[ "$(cd "$work/root" && find . -type f | wc -l)" -eq "$(grep -vc '^#' ORIGIN.tsv)" ] || { echo "make-image: a file is not in ORIGIN.tsv" >&2; exit 1; }

[ -z "$keep" ] || cp -R "$work/root" "$keep"

# 3. The file system: ext4, 32 MiB, made without mounting.
export E2FSPROGS_FAKE_TIME=$epoch SOURCE_DATE_EPOCH=$epoch TZ=UTC
truncate -s 32M "$work/fs"
mke2fs -q -t ext4 -b 4096 -I 256 -N 512 -m 0 -L root -U "$fs_uuid" \
	-O none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum \
	-E "hash_seed=$hash_seed,root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0" -d "$work/root" "$work/fs"
# mke2fs copies the change time of its input, which nobody can set: set it afterwards, and the owner too.
(cd "$work/root" && find . | sed 's/^\.//' | sort | while read -r path; do
	p=${path:-/}
	for field in ctime atime mtime crtime; do echo "sif \"$p\" $field @$epoch"; done
	for field in ctime_extra atime_extra mtime_extra crtime_extra uid gid; do echo "sif \"$p\" $field 0"; done
done) >"$work/times"
debugfs -w -f "$work/times" "$work/fs" >"$work/debugfs.log" 2>&1
e2fsck -fn "$work/fs" >"$work/e2fsck.log" 2>&1 || { cat "$work/e2fsck.log" >&2; exit 1; }

# 4. The disk: GPT, a BIOS boot partition (empty) and the root partition, as the distribution's own images begin.
truncate -s 36M "$work/disk"
sfdisk -q --no-reread --no-tell-kernel "$work/disk" <<EOF
label: gpt
label-id: $disk_uuid
unit: sectors
first-lba: 2048
start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649, uuid=$boot_uuid, name="biosboot"
start=4096, size=65536, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=$root_uuid, name="root"
EOF
dd if="$work/fs" of="$work/disk" bs=1M seek=2 conv=notrunc,sparse status=none
gzip -9 -n <"$work/disk" >"$out"
echo "$out: $(wc -c <"$out") bytes, SHA-256 of the raw disk $(sha256sum <"$work/disk" | cut -d' ' -f1)"
