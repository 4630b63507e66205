# Volume groups of LVM2, each volume with an ext4; for machine.sh with 7 disks of 96 MiB.
set -e
fill() { # device, text
	/sbin/mke2fs -q -F -t ext4 -O ^has_journal -L "$2" "$1"
	mount "$1" /mnt
	echo "$2" > /mnt/name
	seq 1 "${3:-25000}" > /mnt/numbers
	umount /mnt
}
want() { # device, name
	sync
	echo "WANT $(sha256sum "$1" | cut -d' ' -f1) $(blockdev --getsize64 "$1") $2"
}
create() { lvm lvcreate -y -q -Zn -Wn "$@"; }
for d in a b c d; do lvm pvcreate -q --metadatasize 64k /dev/vd$d; done
lvm vgcreate -q -s 1M vg-one /dev/vda /dev/vdb /dev/vdc /dev/vdd
m=/dev/mapper/vg--one

# The root of a machine: its fstab names other volumes.
create -l 6 -n root vg-one /dev/vda
create -l 1 -n between vg-one /dev/vda
lvm lvextend -q -l +4 vg-one/root /dev/vda /dev/vdb # not in one piece, and over two disks
lvm lvextend -q -l +2 vg-one/root /dev/vdb
/sbin/mke2fs -q -F -t ext4 -O ^has_journal -L root $m-root
mount $m-root /mnt
mkdir -p /mnt/etc /mnt/home /mnt/srv /mnt/bin /mnt/opt /mnt/var
echo 'ID=lvm' > /mnt/etc/os-release
touch /mnt/etc/passwd
printf '/dev/mapper/vg--one-root / ext4 defaults 0 1\n/dev/vg-one/strip-ed /home ext4 defaults 0 2\n/dev/disk/by-id/dm-name-vg--one-thin1 /srv ext4 defaults 0 2\nLABEL=mirror /opt ext4 defaults 0 2\n/dev/vg-one/r5 /var ext4 defaults 0 2\n' > /mnt/etc/fstab
seq 1 25000 > /mnt/numbers
umount /mnt
want $m-root root

create -l 9 -i 3 -I 16k -n strip-ed vg-one
fill $m-strip--ed strip-ed; want $m-strip--ed strip-ed
create --type mirror -m 1 --mirrorlog core --nosync -l 4 -n mirror vg-one
fill $m-mirror mirror 12000; want $m-mirror mirror
create --type raid1 -m 1 --nosync -l 4 -n r1 vg-one /dev/vda /dev/vdb
fill $m-r1 r1 12000; want $m-r1 r1
create --type raid0 -i 2 -I 64k -l 4 -n r0 vg-one
fill $m-r0 r0 12000; want $m-r0 r0
create --type raid0_meta -i 2 -I 64k -l 4 -n r0m vg-one
fill $m-r0m r0m 12000; want $m-r0m r0m
create --type raid5 --nosync -i 2 -l 4 -n r5 vg-one
fill $m-r5 r5 12000; want $m-r5 r5
create --type raid10 --nosync -i 2 -l 4 -n r10 vg-one
create -l 4 -n origin vg-one
fill $m-origin origin 12000
lvm lvcreate -y -q -s -l 2 -n snap vg-one/origin
fill $m-origin origin2 12000; want $m-origin origin
want $m-snap snap
create -l 4 -n cached vg-one
fill $m-cached cached 12000
lvm lvcreate -y -q --type cache-pool -l 8 --poolmetadatasize 8M -n cachepool vg-one
lvm lvconvert -q -y --type cache --cachepool cachepool --cachemode writethrough vg-one/cached
want $m-cached cached
lvm lvcreate -y -q --type zero -l 2 -n zeros vg-one
lvm lvcreate -y -q --type error -l 2 -n errors vg-one

# Thin: a volume, its snapshot, and what was written after it; small chunks make a tree of several levels.
lvm lvcreate -y -q --type thin-pool -l 24 --poolmetadatasize 2M -c 64k -Zy -n pool vg-one
lvm lvcreate -y -q -V 200M --thinpool pool -n thin1 vg-one
fill $m-thin1 thin1
lvm lvcreate -y -q -s -kn -n thin2 vg-one/thin1
mount $m-thin1 /mnt; echo after > /mnt/name; seq 1 40000 > /mnt/more; umount /mnt
mount $m-thin2 /mnt; echo snapshot > /mnt/name; umount /mnt
lvm lvcreate -y -q -V 20M --thinpool pool -n thin3 vg-one # nothing was ever written to it
lvm lvcreate -y -q -l 4 -n ext vg-one
fill $m-ext external 12000
lvm lvchange -q -an vg-one/ext; lvm lvchange -q -pr vg-one/ext
lvm lvcreate -y -q -s vg-one/ext --thinpool vg-one/pool -n thin4
lvm lvchange -q -ay -K vg-one/thin4
mount $m-thin4 /mnt; echo over > /mnt/name; umount /mnt
want $m-thin1 thin1; want $m-thin2 thin2; want $m-thin3 thin3; want $m-thin4 thin4
want $m-ext ext

# A group whose text has wrapped round its small area, on a disk with a table; and one whose second disk will be missing.
printf 'label: gpt\nstart=2048, size=61440, type=E6D6D379-F507-44C2-A23C-238F2A3DF928\nstart=65536, size=61440, type=E6D6D379-F507-44C2-A23C-238F2A3DF928\n' | sfdisk -q /dev/vde
sleep 1
lvm pvcreate -q --metadatasize 8k --metadatacopies 2 /dev/vde1
lvm pvcreate -q --metadatacopies 0 /dev/vde2
lvm vgcreate -q -s 1M wrap /dev/vde1 /dev/vde2
create -l 4 -n first wrap /dev/vde1
create -l 4 -n second wrap /dev/vde2
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do lvm vgchange -q --addtag "round$i" wrap; done
fill /dev/wrap/first first 12000; want /dev/wrap/first first
fill /dev/wrap/second second 12000; want /dev/wrap/second second

lvm pvcreate -q --metadatasize 64k /dev/vdf /dev/vdg
lvm vgcreate -q -s 1M torn /dev/vdf /dev/vdg
create -l 4 -n here torn /dev/vdf
create -l 4 -n gone torn /dev/vdg
create --type raid1 -m 1 --nosync -l 4 -n half torn /dev/vdf /dev/vdg
create --type raid1 -m 1 --nosync -l 4 -n stale torn /dev/vdg /dev/vdf
fill /dev/torn/here here 12000; want /dev/torn/here here
fill /dev/torn/half half 12000; want /dev/torn/half half
lvm lvs -a -o vg_name,lv_name,lv_attr,lv_size,segtype,devices,sync_percent
lvm vgs
for v in torn wrap vg-one; do lvm vgchange -q -an $v; done
lvm vgcfgbackup -q -f /tmp/%s
cat /tmp/vg-one
