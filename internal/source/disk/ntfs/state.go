package ntfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"hinomi/internal/source/disk/volume"
)

const (
	volumeDirty = 1 // of $VOLUME_INFORMATION: chkdsk is to look at it

	restartPage  = 4096
	noClient     = 0xffff
	restartClean = 2 // RESTART_VOLUME_IS_CLEAN
)

// readVolume reads label and flags of the volume.
func (r *reader) readVolume() {
	f, err := r.known(recordVolume)
	if err != nil {
		r.gaps = append(r.gaps, fmt.Sprintf("$Volume: %v: whether the volume is whole is unknown", err))
		return
	}
	if raw, err := r.bytes(f, typeVolumeName, "", 512); err == nil {
		r.label = utf16Text(raw)
	}
	info, err := r.bytes(f, typeVolumeInfo, "", 512)
	switch {
	case err != nil || len(info) < 12:
		r.gaps = append(r.gaps, "$Volume has no flags: whether the volume is whole is unknown")
		return
	case info[8] != 3 && (info[8] != 1 || info[9] != 2): // 3.0 is Windows 2000, 3.1 all since; 1.2 is NT 4
		r.notes = append(r.notes, fmt.Sprintf("NTFS version %d.%d, which is unknown here", info[8], info[9]))
	}
	if binary.LittleEndian.Uint16(info[10:])&volumeDirty != 0 {
		r.gaps = append(r.gaps, "the volume is marked dirty: Windows wants chkdsk to look at it, and what was written last may be missing")
	}
}

// readLog tells from the restart areas of $LogFile whether the volume was in use. The log is not replayed.
func (r *reader) readLog() {
	clean, err := r.logClean()
	switch {
	case err != nil:
		r.gaps = append(r.gaps, fmt.Sprintf("$LogFile: %v: whether it holds changes is unknown", err))
	case !clean:
		r.gaps = append(r.gaps, "the volume was in use and its $LogFile is not replayed: files that were made, grown or renamed last may be missing or as they were before")
	}
}

// logClean reads the two restart pages and judges the newer. A log of which nothing is used is all ones.
func (r *reader) logClean() (bool, error) {
	f, err := r.known(recordLog)
	if err != nil {
		return false, err
	}
	s, err := r.stream(f, typeData, "")
	if err != nil {
		return false, notThere(err)
	}
	if s.size < 2*restartPage {
		return false, fmt.Errorf("%d bytes: %w", s.size, volume.ErrCorrupt)
	}
	raw := make([]byte, 2*restartPage)
	if err := readFull(s, raw, 0); err != nil {
		return false, err
	}
	if len(bytes.Trim(raw, "\xff")) == 0 {
		return true, nil
	}
	found, clean, newest := false, false, uint64(0)
	for _, page := range [][]byte{raw[:restartPage], raw[restartPage:]} {
		lsn, isClean, err := restartArea(page)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		if !found || lsn > newest {
			found, clean, newest = true, isClean, lsn
		}
	}
	if !found {
		return false, fmt.Errorf("no restart area: %w", volume.ErrCorrupt)
	}
	return clean, nil
}

// restartArea reads one restart page (RESTART_PAGE_HEADER, RESTART_AREA of ntfs-3g's logfile.h).
func restartArea(page []byte) (lsn uint64, clean bool, err error) {
	le := binary.LittleEndian
	if string(page[:4]) != "RSTR" && string(page[:4]) != "CHKD" {
		return 0, false, fs.ErrNotExist
	}
	page = bytes.Clone(page)
	if err := fixup(page, string(page[:4])); err != nil {
		return 0, false, fs.ErrNotExist // torn: the other one counts
	}
	at := int(le.Uint16(page[24:]))
	if at < 30 || at+32 > len(page) {
		return 0, false, fmt.Errorf("restart area at %d: %w", at, volume.ErrCorrupt)
	}
	area := page[at:]
	client, flags := le.Uint16(area[12:]), le.Uint16(area[14:])
	return le.Uint64(area), client == noClient || flags&restartClean != 0, nil
}
