# Arrays of md, each with an ext4; for machine.sh with 23 disks of 12 MiB.
set -e
fill() { # device, text: a file system with a numbered file and one that says what it is
	/sbin/mke2fs -q -F -t ext4 -O ^has_journal -L "$2" "$1"
	mount "$1" /mnt
	echo "$2" > /mnt/name
	seq 1 25000 > /mnt/numbers
	umount /mnt
}
want() { # device, name
	sync
	echo "WANT $(sha256sum "$1" | cut -d' ' -f1) $(blockdev --getsize64 "$1") $2"
}
make() { # number, metadata, level, members, more
	n=$1 meta=$2 level=$3 members=$4
	shift 4
	mdadm --create "/dev/md$n" --run --assume-clean --metadata="$meta" --level="$level" --homehost=host --raid-devices="$(echo "$members" | wc -w)" "$@" $members
}
end() { # number: stop the array, as at shutdown
	sync
	mdadm --stop "/dev/md$1"
}
make 1 0.90 1 "/dev/vda /dev/vdb"
fill /dev/md1 v090; want /dev/md1 v090; end 1

make 2 1.0 1 "/dev/vdc /dev/vdd" --name=two
fill /dev/md2 before
mdadm /dev/md2 --fail /dev/vdc --remove /dev/vdc # stays as it was: stale
fill /dev/md2 v10; want /dev/md2 v10; end 2

make 3 1.1 1 "/dev/vde /dev/vdf" --name=3
fill /dev/md3 v11; want /dev/md3 v11; end 3

make 4 1.2 1 "/dev/vdg /dev/vdh" --name=4
fill /dev/md4 before
mdadm /dev/md4 --fail /dev/vdg --remove /dev/vdg
fill /dev/md4 v12; want /dev/md4 v12; end 4

make 5 1.2 1 "/dev/vdi /dev/vdj" --name=parted
printf 'label: gpt\nstart=2048, size=16384, name="inside"\n' | sfdisk -q /dev/md5
sleep 1
ls /dev/md5*
fill /dev/md5p1 parted; want /dev/md5 parted; end 5

make 6 1.2 0 "/dev/vdk /dev/vdl" --name=6 --chunk=64
fill /dev/md6 raid0; want /dev/md6 raid0; end 6

make 7 1.2 linear "/dev/vdm /dev/vdn" --name=7
fill /dev/md7 linear; want /dev/md7 linear; end 7

make 8 1.2 5 "/dev/vdo /dev/vdp /dev/vdq" --name=8 --chunk=64
fill /dev/md8 raid5; want /dev/md8 raid5; end 8

make 9 1.2 10 "/dev/vdr /dev/vds" --name=9
fill /dev/md9 raid10; want /dev/md9 raid10; end 9

make 10 1.0 1 "/dev/vdt /dev/vdu" --name=10 # a volume group on an array whose metadata stands at the end
lvm pvcreate -q --metadatasize 64k /dev/md10
lvm vgcreate -q -s 1M onmd /dev/md10
lvm lvcreate -q -Zn -Wn -l 8 -n data onmd
fill /dev/mapper/onmd-data onmd; want /dev/mapper/onmd-data onmd
lvm vgchange -q -an onmd; end 10

# A member that is being rebuilt: added, and not yet in sync.
mdadm --create /dev/md11 --run --assume-clean --metadata=1.2 --level=1 --homehost=host --name=11 --raid-devices=2 missing /dev/vdv
fill /dev/md11 rebuild
echo 1 > /proc/sys/dev/raid/speed_limit_max
echo 1 > /proc/sys/dev/raid/speed_limit_min
echo frozen > /sys/block/md11/md/sync_action
mdadm /dev/md11 --add /dev/vdw
echo idle > /sys/block/md11/md/sync_action
sync
cat /proc/mdstat
want /dev/md11 rebuild
echo frozen > /sys/block/md11/md/sync_action || true
end 11
for d in /dev/vd?; do mdadm --examine "$d" | grep -E 'Version|Array State|Events|State :|Device Role|Recovery|Checksum|/dev|this' || true; done
