#!/bin/sh
# Makes the images of this folder: erofs-utils, root (for the device node). Content is generated.
set -e
cd "$(dirname "$0")"
work=$(mktemp -d); dir=$work/dir; mkdir "$dir"
small() { head -c "$1" /dev/zero | tr '\0' "$2"; }
(
	cd "$dir"
	mkdir -p many a/b/c
	for i in $(seq 250); do echo "$i" >"many/file-$i-$(small $((i % 90)) n)"; done
	ln -s ../many a/link; ln many/file-1-n a/hard; mkfifo a/fifo; mknod a/null c 1 3
	truncate -s 300000 a/sparse; echo middle | dd of=a/sparse bs=1 seek=100000 conv=notrunc status=none
	small 1000 z >a/b/inline; seq 20000 >a/b/large; seq 3000 >a/b/medium; for i in $(seq 300); do echo "$i" | sha256sum; done >a/b/c/noise
	find . -exec touch -h -d @1700000000 {} +
)
make() { mkfs.erofs --quiet -T1700000000 -U11111111-2222-4333-8444-555555555555 $2 "$work/img" "$dir"; gzip -9nc "$work/img" >"$1.img.gz"; }
make plain ""
make compact "-zlz4 -C16384 -Eztailpacking"
make legacy "-zlz4 -Elegacy-compress"
make fragments "-zlz4 -Efragments"
make chunks "--chunksize=4096"
rm -r "$work"
ls -l
