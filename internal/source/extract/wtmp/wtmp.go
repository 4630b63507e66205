// Package wtmp reads which kernel a system booted last out of its log of logins.
package wtmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"hinomi/internal/source/extract/host"
)

// The records of /var/log/wtmp (utmp(5)), little endian. glibc writes 384 bytes where 32-bit programs share the file (x86-64), and 400 on
// 64-bit ARM, whose session and time are 64 bits wide.
const (
	wtmpShort, wtmpLong = 384, 400
	wtmpBoot            = 2 // ut_type BOOT_TIME: ut_host is the kernel's release
	wtmpLastType        = 9 // ACCOUNTING
	maxWtmp             = 4 << 20
)

// bootRecord is what the log of logins says of boots.
type bootRecord struct {
	release string    // of the kernel that was booted last; "" if there is no such record
	at      time.Time // of that boot
	last    time.Time // of the newest record of any kind
	cut     bool      // the search ended before the beginning of the file
}

var errWtmp = errors.New("not a log of logins in the form of utmp(5)")

// LastBoot reads the last boot out of the log of logins and the one before it (logrotate(8)). systemd-update-utmp(8) writes the kernel's
// release there; systems without it, and those that have given the file up because its times end in 2038, tell nothing. A log that is no
// longer written would name a kernel of long ago: systemd-random-seed.service(8) rewrites its file at each boot and shutdown, so that one
// later than the log gives it away. release is in the form of uname -r, "" if it is not told; note is called with the reasons.
func LastBoot(h *host.Host, note func(string)) (release string, at time.Time) {
	names := []string{"var/log/wtmp", "var/log/wtmp.1"}
	if dir, entries, err := h.ReadDir("var/log"); err == nil {
		for _, e := range slices.Backward(entries) {
			if date, ok := strings.CutPrefix(e.Name(), "wtmp-"); ok && len(date) == 8 && strings.Trim(date, "0123456789") == "" {
				names = append(names, dir+"/"+e.Name())
				break
			}
		}
	}
	var newest time.Time
	for _, name := range names {
		r, err := readWtmp(h, name)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				note(fmt.Sprintf("%s: %v: which kernel was booted last is not told", host.Path(name), err))
			}
			continue
		}
		if newest.Before(r.last) {
			newest = r.last
		}
		if r.release == "" {
			if r.cut {
				return "", time.Time{} // older files say nothing of what lies between
			}
			continue
		}
		if seed, err := modified(h, "var/lib/systemd/random-seed"); err == nil && seed.After(newest.Add(10*time.Minute)) {
			note(fmt.Sprintf("%s ends %s, and the system was booted or shut down %s: which kernel was booted last is not told", host.Path(name), newest.Format(time.DateTime), seed.UTC().Format(time.DateTime)))
			return "", time.Time{}
		}
		return r.release, r.at
	}
	return "", time.Time{}
}

func modified(h *host.Host, name string) (time.Time, error) {
	real, err := h.Resolve(name)
	if err != nil {
		return time.Time{}, err
	}
	info, err := fs.Stat(h.FS(), real)
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// readWtmp reads one log from its end backwards, at most 4 MiB of it.
func readWtmp(h *host.Host, name string) (bootRecord, error) {
	f, err := h.Open(name)
	if err != nil {
		return bootRecord{}, err
	}
	defer f.Close()
	for _, size := range []int64{wtmpShort, wtmpLong} {
		if f.Size%size != 0 {
			continue
		}
		r, err := searchWtmp(f, size)
		if err == nil || !errors.Is(err, errWtmp) {
			return r, err
		}
	}
	return bootRecord{}, errWtmp
}

// searchWtmp looks for the last boot among records of one size, and fails with errWtmp on one that is none.
func searchWtmp(f *host.File, size int64) (bootRecord, error) {
	var out bootRecord
	buf := make([]byte, 64*size)
	end := f.Size
	for end > 0 && f.Size-end < maxWtmp {
		start := max(0, end-int64(len(buf)))
		part := buf[:end-start]
		if n, err := f.ReadAt(part, start); n < len(part) {
			return out, fmt.Errorf("read %s: %w", host.Path(f.Name), err)
		}
		for len(part) > 0 {
			record := part[int64(len(part))-size:]
			part = part[:int64(len(part))-size]
			kind, at, ok := parseWtmp(record)
			if !ok {
				return out, errWtmp
			}
			if out.last.Before(at) {
				out.last = at
			}
			release, _, ended := bytes.Cut(record[76:332], []byte{0})
			if kind == wtmpBoot && ended && kernelRelease(string(release)) {
				out.release, out.at = string(release), at
				return out, nil
			}
		}
		end = start
	}
	out.cut = end > 0
	return out, nil
}

// parseWtmp reads a record's type and time, and reports whether it can be one.
func parseWtmp(b []byte) (kind int16, at time.Time, ok bool) {
	kind = int16(binary.LittleEndian.Uint16(b)) //nolint:gosec // a C short
	if kind < 0 || kind > wtmpLastType || b[2] != 0 || b[3] != 0 {
		return 0, at, false
	}
	seconds, micros := int64(binary.LittleEndian.Uint32(b[340:])), int64(binary.LittleEndian.Uint32(b[344:]))
	if len(b) == wtmpLong {
		seconds, micros = int64(binary.LittleEndian.Uint64(b[344:])), int64(binary.LittleEndian.Uint64(b[352:])) //nolint:gosec // checked below
	}
	if micros < 0 || micros >= 1e6 || seconds < 0 || seconds > 1<<32 {
		return 0, at, false
	}
	return kind, time.Unix(seconds, 0).UTC(), true
}

// kernelRelease reports whether s can be what uname -r says: nothing else of a disk may come into a note or a comparison.
func kernelRelease(s string) bool {
	return s != "" && len(s) < 128 && s[0] >= '0' && s[0] <= '9' && strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_+~") == ""
}
