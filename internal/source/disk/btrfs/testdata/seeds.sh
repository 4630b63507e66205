#!/bin/sh
# Makes the images of this folder: btrfs-progs, root, loop devices. Content is generated.
set -e
cd "$(dirname "$0")"
work=$(mktemp -d); mnt=$work/mnt; mkdir "$mnt"
small() { head -c "$1" /dev/zero | tr '\0' "$2"; }
fill() {
	mkdir -p many a/b/c
	for i in $(seq 250); do echo "$i" >"many/file-$i-$(small $((i % 90)) n)"; done
	ln -s ../many a/link; ln many/file-1-n a/hard; mkfifo a/fifo; mknod a/null c 1 3
	truncate -s 300000 a/sparse; echo middle | dd of=a/sparse bs=1 seek=100000 conv=notrunc status=none
	small 1000 z >a/b/inline; seq 20000 >a/b/large; seq 30000 | sha256sum >a/b/c/deep; fallocate -l 50000 a/b/prealloc
}
make() { # name, mkfs options, mount options
	truncate -s 24M "$work/img"
	mkfs.btrfs -q -f $2 "$work/img"
	mount -o "loop,$3" "$work/img" "$mnt"
	(cd "$mnt"; fill; btrfs -q subvolume create sub; echo sub >sub/file; btrfs -q subvolume snapshot sub a/snap)
	if [ "$1" = crashed ]; then
		btrfs filesystem sync "$mnt"
		for i in $(seq 20); do echo "new $i" >"$mnt/many/new-$i"; sync "$mnt/many/new-$i"; mv "$mnt/many/new-$i" "$mnt/many/file-$i-$(small $((i % 90)) n)"; done
		rm "$mnt/many/file-99-$(small 9 n)"; sync "$mnt/many"
		echo logged >"$mnt/sub/file"; sync "$mnt/sub/file"
		cp "$work/img" "$work/crashed"; umount "$mnt"; mv "$work/crashed" "$work/img"
	else
		umount "$mnt"
	fi
	gzip -9nc "$work/img" >"$1.img.gz"
}
make zlib "--mixed" compress=zlib
make lzo "--mixed --csum xxhash" compress-force=lzo
make crashed "--mixed" "compress=zstd,commit=300"
rm -r "$work"
ls -l
