#!/bin/sh
# machine.sh KERNEL-FOLDER GUEST-SCRIPT OUT COUNT MIB
#
# Runs GUEST-SCRIPT in an emulated machine with COUNT empty disks of MIB
# mebibytes (vda, vdb, …), so that the real device mapper and md of Linux write
# them. KERNEL-FOLDER is an unpacked Debian kernel package (dpkg -x). Leaves
# OUT.tar.gz with the disks, sparse, and OUT.want with the lines that the guest
# printed after "WANT ". Needs qemu-system-x86, busybox-static, kmod, lvm2,
# mdadm, thin-provisioning-tools, e2fsprogs and fdisk on the host.
set -eu
kernel=$1 guest=$2 out=$3 count=$4 mib=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
version=$(basename "$(ls -d "$kernel"/lib/modules/*)")
mkdir -p "$tree/bin" "$tree/sbin" "$tree/proc" "$tree/sys" "$tree/dev" "$tree/mnt" "$tree/run" "$tree/tmp" "$tree/etc/lvm" "$tree/usr/sbin" "$tree/lib/modules/$version" "$tree/usr/share"
cp /bin/busybox "$tree/bin/busybox" 2>/dev/null || cp /usr/bin/busybox "$tree/bin/busybox"
cp -r "$kernel/lib/modules/$version/kernel" "$tree/lib/modules/$version/"
for drop in drivers/net drivers/gpu drivers/media sound net/wireless drivers/usb drivers/scsi drivers/infiniband drivers/staging drivers/iio drivers/hid drivers/input; do
	rm -rf "$tree/lib/modules/$version/kernel/$drop"
done
cp "$kernel/lib/modules/$version"/modules.builtin* "$kernel/lib/modules/$version/modules.order" "$tree/lib/modules/$version/" 2>/dev/null || true
depmod -b "$tree" "$version" 2>/dev/null
for tool in lvm dmsetup mdadm mke2fs sfdisk thin_check thin_dump cache_check modprobe debugfs; do
	path=$(command -v "$tool" || command -v "/sbin/$tool")
	real=$(readlink -f "$path")
	cp "$real" "$tree/sbin/$tool"
	ldd "$real" | grep -o '/[^ ]*' | while read -r lib; do
		mkdir -p "$tree$(dirname "$lib")"
		cp -Ln "$lib" "$tree$lib" 2>/dev/null || true
	done
done
ln -sf /sbin/thin_check "$tree/usr/sbin/thin_check"
ln -sf /sbin/thin_dump "$tree/usr/sbin/thin_dump"
ln -sf /sbin/cache_check "$tree/usr/sbin/cache_check"
cp /etc/mke2fs.conf "$tree/etc/"
cp "$guest" "$tree/guest.sh"
cat > "$tree/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/sbin:/usr/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for m in virtio_pci virtio_blk ext4 dm-mod dm-thin-pool dm-raid dm-mirror dm-snapshot dm-cache dm-cache-smq raid0 raid1 raid456 raid10 linear md-mod; do modprobe $m; done
echo 'devices { global_filter = [ "a|^/dev/vd|", "a|^/dev/md|", "r|.*|" ] } activation { udev_sync = 0 udev_rules = 0 monitoring = 0 } global { use_lvmpolld = 0 }' > /etc/lvm/lvm.conf
sh /guest.sh
echo GUEST-ENDED $?
sync
echo o > /proc/sysrq-trigger
sleep 60
INIT
chmod +x "$tree/init"
(cd "$tree" && find . | cpio -o -H newc --quiet | gzip -1) > "$work/initrd"
i=0
set --
for letter in a b c d e f g h i j k l m n o p q r s t u v w x; do
	[ $i -lt "$count" ] || break
	truncate -s "${mib}M" "$work/vd$letter"
	set -- "$@" -drive "file=$work/vd$letter,format=raw,if=virtio,discard=unmap,cache=unsafe"
	i=$((i + 1))
done
timeout 900 qemu-system-x86_64 -machine accel=tcg -m 2048 -smp 2 -nographic -no-reboot -nic none \
	-kernel "$kernel"/boot/vmlinuz-* -initrd "$work/initrd" -append 'console=ttyS0 panic=-1 quiet' "$@" < /dev/null > "$out.log"
grep -q 'GUEST-ENDED 0' "$out.log" || { tail -50 "$out.log"; exit 1; }
tr -d '\r' < "$out.log" | sed -n 's/^WANT //p' > "$out.want"
for f in "$work"/vd?; do fallocate --dig-holes "$f"; done
(cd "$work" && tar --sparse --format=gnu --owner=0 --group=0 --mtime=@0 -cf - vd? | gzip -9n) > "$out.tar.gz"
