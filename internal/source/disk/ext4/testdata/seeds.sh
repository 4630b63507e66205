#!/bin/sh
# Makes the seeds of FuzzOpen in the current folder. Needs root (loop mounts),
# e2fsprogs 1.47 and gzip. The files are made up here.
set -eu
work=$(mktemp -d)
trap 'umount "$work/m" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir -p "$work/src/etc" "$work/src/many" "$work/m"
printf 'ID=seed\n' >"$work/src/etc/os-release"
ln -s etc/os-release "$work/src/fast"
ln -s "$(printf './%.0s' $(seq 60))etc/os-release" "$work/src/slow"
ln "$work/src/etc/os-release" "$work/src/hard"
for i in $(seq 40); do printf '%s' "$i" >"$work/src/many/a-name-of-some-length-$i"; done
for i in 0 4 8 12 16 20; do printf 'block %s' "$i" | dd of="$work/src/holes" bs=1024 seek="$i" conv=notrunc status=none; done
image() { # name size options...
	name=$1 size=$2
	shift 2
	truncate -s "$size" "$work/$name"
	mke2fs -q -F -b 1024 -N 96 -d "$work/src" "$@" "$work/$name"
	gzip -9nc "$work/$name" >"$name.img.gz"
}
image ext2 256K -t ext2
image extents 256K -t ext4 -O ^has_journal,^metadata_csum,^resize_inode
image inline 256K -t ext4 -O inline_data,^has_journal,^metadata_csum,^resize_inode -I 256
image checksums 256K -t ext4 -O ^has_journal,metadata_csum,64bit,^resize_inode
live() { # name options...: a copy of a mounted, running file system
	name=$1
	shift
	truncate -s 4M "$work/$name"
	mke2fs -q -F -b 1024 -N 96 -t ext4 -J size=1 -E lazy_itable_init=0,lazy_journal_init=0 "$@" -d "$work/src" "$work/$name"
	mount -o loop,commit=300 "$work/$name" "$work/m"
	for i in $(seq 4); do
		printf 'new %s' "$i" >"$work/m/many/n$i"
		sync -f "$work/m"
	done
	rm -r "$work/m/many/a-name-of-some-length-3" "$work/m/slow"
	mkdir "$work/m/late"
	sync -f "$work/m"
	for i in $(seq 6); do
		printf 'late %s' "$i" >"$work/m/late/f$i"
		sync "$work/m/late/f$i"
	done
	mv "$work/m/late/f2" "$work/m/late/f3"
	rm "$work/m/late/f4"
	printf 'end' >"$work/m/late/f5"
	sync "$work/m/late/f5"
	cp "$work/$name" "$work/$name.live"
	umount "$work/m"
	gzip -9nc "$work/$name.live" >"$name.img.gz"
}
live journal -O ^metadata_csum
live journal_csum -O metadata_csum,64bit
live fast_commit -O fast_commit,^metadata_csum
