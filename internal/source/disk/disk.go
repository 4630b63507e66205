// Package disk reads disks without an agent and without mounting them: a raw
// image or the blocks of a snapshot become volumes, file systems (io/fs, read
// only) and one joined root. Every volume that is found is listed; one that
// cannot be read carries the reason.
package disk

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"hinomi/internal/source/disk/lvm"
	"hinomi/internal/source/disk/md"
	"hinomi/internal/source/disk/partition"
	"hinomi/internal/source/disk/volume"
)

// The words that this package shares with the readers of file systems.
type (
	// Device is a run of bytes that is only read.
	Device = volume.Device
	// FS is one file system, read only.
	FS = volume.FS
	// File is what FS.Open returns for anything but a folder.
	File = volume.File
	// Info describes a file system.
	Info = volume.Info
	// Stat is what FileInfo.Sys holds.
	Stat = volume.Stat
)

// The errors that this package shares with the readers of file systems.
var (
	ErrUnsupported = volume.ErrUnsupported
	ErrCorrupt     = volume.ErrCorrupt
	ErrLimit       = volume.ErrLimit
	ErrLoop        = volume.ErrLoop
)

// ErrNoFiles is wrapped by Volume.Err where there is nothing to read, such as
// swap: it is no gap.
var ErrNoFiles = errors.New("holds no files")

// biosBoot is the GPT type of GRUB's own partition, which holds code and no files.
const biosBoot = "21686148-6449-6e6f-744e-656564454649"

// microsoftReserved is the GPT type of the partition that Windows keeps for itself on each disk, without a file system ("PARTITION_INFORMATION_GPT",
// winioctl.h).
const microsoftReserved = "e3c9e316-0b5c-4db8-817d-f92df00215ae"

// efiSystem is the GPT type of an EFI system partition (UEFI specification 2.10, 5.3.3), efiSystemMBR its MBR type.
const (
	efiSystem    = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
	efiSystemMBR = "0xef"
)

// Options say how a disk is opened.
type Options struct {
	// Name is the disk's device name on its machine, such as "/dev/xvda" or
	// "/dev/sdf"; "" if it is not known. Only lines of fstab that name devices
	// need it, and only where there are several disks.
	Name string
	// Boots says that the machine starts from this disk, if that is known: of
	// several root file systems, the one that lies here is the running one.
	Boots bool
}

// Disk is a device whose partitions and file systems were found.
type Disk struct {
	Name    string // Options.Name
	Size    int64  // bytes
	Scheme  string // partition.GPT, partition.MBR, partition.None, SchemeLVM or SchemeMD
	Volumes []*Volume
	// Notes are facts about the read of the partition table.
	Notes []string
	// Gaps say what of the disk may be unseen, apart from Volume.Err.
	Gaps []string

	dev       Device   // nil if it is made of others
	tableID   string   // of the partition table
	names     []string // of an array: those of its device, without /dev/
	boots     bool     // Options.Boots
	assembled bool     // by Assemble
	made      []*Disk  // what Assemble made, on the first disk
}

// Volume is a partition, or the whole disk if it has none.
type Volume struct {
	Index    int    // in Disk.Volumes
	Number   int    // of the partition, as Linux counts; 0 for the whole disk
	Offset   int64  // bytes from the disk's start
	Size     int64  // bytes
	Name     string // of the GPT partition, what Linux calls PARTLABEL; of a logical volume "group/volume"
	TypeID   string // GPT type GUID, or MBR type as "0x83"
	PartUUID string // what Linux calls PARTUUID
	Type     string // of the content: "ext4", "xfs", "swap", "LVM2_member", …; "" if not recognised
	Label    string // of the file system
	UUID     string // of the file system
	// FS is the file system, or nil, and then Err says why.
	FS  FS
	Err error

	dev        Device
	names      []string // of a logical volume: those of its device, without /dev/
	attributes uint64   // of the GPT partition
	raid       *md.Member
	physical   *lvm.Member
	joined     bool // it was used by Assemble
}

// Open finds the volumes of a disk and opens their file systems. It fails only
// if the disk itself cannot be read; everything else is said in the result.
// The device is not closed by the Disk.
func Open(dev Device, opts Options) (*Disk, error) {
	d := &Disk{Name: opts.Name, Size: dev.Size(), dev: dev, boots: opts.Boots}
	head, err := readHead(dev)
	if err != nil {
		return nil, fmt.Errorf("disk of %d bytes: %w", dev.Size(), err)
	}
	table, err := partition.Read(dev)
	if err != nil {
		d.Gaps = append(d.Gaps, fmt.Sprintf("partition table: %v", err))
	}
	d.Scheme, d.Notes = table.Scheme, table.Notes
	if strings.Trim(table.ID, "-0") != "" {
		d.tableID = table.Scheme + " " + table.ID
	}
	if table.Scheme == partition.None {
		d.add(dev, &Volume{Size: dev.Size()})
		return d, nil
	}
	for _, r := range readers() {
		if r.probe(head) {
			d.Notes = append(d.Notes, fmt.Sprintf("the start of the disk looks like %s as well; its partition table is followed", r.name))
		}
	}
	for _, p := range table.Partitions {
		v := &Volume{
			Number: p.Number, Offset: p.Offset, Size: p.Size,
			Name: p.Name, TypeID: p.Type, PartUUID: p.UUID, attributes: p.Attributes,
		}
		section, err := volume.Section(dev, p.Offset, p.Size)
		switch {
		case p.Fault != "":
			err = fmt.Errorf("partition %d: %s: %w", p.Number, p.Fault, ErrCorrupt)
		case err == nil && p.Offset >= dev.Size():
			err = fmt.Errorf("partition %d begins at byte %d of %d: %w", p.Number, p.Offset, dev.Size(), ErrCorrupt)
		}
		if err != nil {
			v.Index, v.Err = len(d.Volumes), err
			d.Volumes = append(d.Volumes, v)
			continue
		}
		if p.Offset+p.Size > dev.Size() {
			d.Gaps = append(d.Gaps, fmt.Sprintf("partition %d ends at byte %d of %d", p.Number, p.Offset+p.Size, dev.Size()))
		}
		d.add(section, v)
	}
	return d, nil
}

// add opens a volume and lists it.
func (d *Disk) add(dev Device, v *Volume) {
	v.Index, v.dev = len(d.Volumes), dev
	d.Volumes = append(d.Volumes, v)
	head, err := readHead(dev)
	if err != nil {
		v.Err = err
		return
	}
	var broken error // a superblock of md that cannot be believed
	if md.Probe(head) {
		m, err := md.ReadStart(dev)
		if err == nil {
			v.setRAID(m)
			return
		}
		if !errors.Is(err, md.ErrNone) {
			broken = err
		}
	}
	if kind := recognise(head); kind != "" {
		d.name(dev, v, kind, head)
		return
	}
	for _, r := range readers() {
		if r.probe(head) {
			if d.open(dev, v, r); v.Err != nil && v.raid == nil {
				v.Label, v.UUID = names(r.name, head)
			}
			return
		}
	}
	if d.readRAID(dev, v, 0) {
		return
	}
	switch {
	case broken != nil:
		v.Type, v.Err = typeRAID, broken
	case v.TypeID == microsoftReserved:
		v.Err = fmt.Errorf("reserved by Windows: %w", ErrNoFiles)
	case v.TypeID == biosBoot:
		v.Type, v.Err = typeBIOS, fmt.Errorf("%s: %w", typeBIOS, ErrNoFiles)
	case len(bytes.Trim(head, "\x00")) == 0:
		v.Err = fmt.Errorf("nothing is recognised, and the first %d bytes are zero: %w", len(head), ErrUnsupported)
	default:
		v.Err = fmt.Errorf("content is not recognised: %w", ErrUnsupported)
	}
}

// open opens a volume's file system.
func (d *Disk) open(dev Device, v *Volume, r reader) {
	v.Type = r.name
	fsys, err := r.open(dev)
	if err != nil {
		if !d.readRAID(dev, v, 0) { // a stripe's first part may look like a damaged file system
			v.Err = fmt.Errorf("open %s: %w", r.name, err)
		}
		return
	}
	info := fsys.Info()
	if d.readRAID(dev, v, info.Size) {
		_ = fsys.Close() // only read; the array has it too
		return
	}
	v.FS, v.Type, v.Label, v.UUID = fsys, info.Type, info.Label, info.UUID
}

// name says of a volume what it is, where it holds no file system that is read here.
func (d *Disk) name(dev Device, v *Volume, kind string, head []byte) {
	v.Type = kind
	v.Label, v.UUID = names(kind, head)
	v.Err = fmt.Errorf("%s: %w", kind, ErrUnsupported)
	switch {
	case kind == typeLVM:
		m, err := lvm.Read(dev)
		if err != nil {
			v.Err = fmt.Errorf("%s: %w", kind, err)
			return
		}
		if !d.readRAID(dev, v, m.Size) {
			v.physical = m
		}
	case kind == typeLUKS:
		v.Err = fmt.Errorf("%s: %s: %w", kind, luks(head), ErrUnsupported)
	case kind == "BitLocker":
		v.Err = fmt.Errorf("encrypted with %s: %w", kind, ErrUnsupported)
	case kind == typeSwap, kind == typeSuspend,
		// An EFI system partition holds boot loaders, no packages.
		kind == typeFAT && (v.TypeID == efiSystem || v.TypeID == efiSystemMBR):
		v.Err = fmt.Errorf("%s: %w", kind, ErrNoFiles)
	}
}

// Close closes the file systems, on the first disk also those that Assemble found.
func (d *Disk) Close() error {
	var errs []error
	for _, v := range d.Volumes {
		if v.FS != nil {
			errs = append(errs, v.FS.Close())
		}
	}
	for _, m := range d.made {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}
