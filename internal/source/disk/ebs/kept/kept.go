// Package kept is the file that remembers what a scan read of a volume: the 4 KiB pages that were really looked at, so that the next scan of
// the same volume fetches only blocks that changed. A file that is damaged, cut or of another volume is refused whole; what it holds of
// other blocks is simply not known. It holds what was on the volume, so it is made for its owner alone.
//
// The form, all numbers little endian: the magic, the length of the header, the header in JSON; then records of a block number, the mask of its
// pages that are known, the mask of those of them that are zero, the SHA-256 of the others, and these, compressed; then the SHA-256 of all that.
package kept

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"regexp"
	"time"
)

// The sizes of what is kept: the EBS direct APIs' block, and the page that is the least that file systems read.
const (
	BlockSize = 512 << 10
	PageSize  = 4 << 10
	// BlockPages is how many pages a block has.
	BlockPages = BlockSize / PageSize
)

const (
	magic     = "hinomi kept v1\r\n" // 16 bytes
	maxHeader = 64 << 10
	sumSize   = 32
	headSize  = 4 + 16 + 16 + sumSize + 4 // of a record: index, known, zero, checksum, length
	endIndex  = 1<<32 - 1                 // instead of a block's index: the file's own checksum follows
	maxGiB    = 64 << 10                  // EBS User Guide, "Amazon EBS volume types": 64 TiB is the largest
)

// ErrDamaged is wrapped by every refusal of a file that is not what was written.
var ErrDamaged = errors.New("kept pages are damaged")

// Header says what a file's pages are of.
type Header struct {
	Snapshot string    `json:"snapshot"` // they are as this snapshot has them
	Volume   string    `json:"volume"`
	SizeGiB  int64     `json:"sizeGiB"` // of the volume
	Made     time.Time `json:"made"`
}

// ids are the forms of EBS's IDs (EC2 API reference, "resource IDs": 8 or 17 hexadecimal digits).
var (
	volumeID   = regexp.MustCompile(`^vol-[0-9a-f]{1,40}$`)
	snapshotID = regexp.MustCompile(`^snap-[0-9a-f]{1,40}$`)
)

func (h Header) check() error {
	switch {
	case !volumeID.MatchString(h.Volume):
		return fmt.Errorf("volume %.60q", h.Volume)
	case !snapshotID.MatchString(h.Snapshot):
		return fmt.Errorf("snapshot %.60q", h.Snapshot)
	case h.SizeGiB <= 0 || h.SizeGiB > maxGiB:
		return fmt.Errorf("volume of %d GiB", h.SizeGiB)
	}
	return nil
}

func (h Header) encode() ([]byte, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	return json.Marshal(h)
}

// Pages is a set of pages of one block.
type Pages [2]uint64

// Add puts page n into the set.
func (p *Pages) Add(n int) { p[n>>6] |= 1 << (n & 63) }

// Has says whether page n is in the set.
func (p Pages) Has(n int) bool { return p[n>>6]&(1<<(n&63)) != 0 }

// Holds says whether all pages of other are in the set.
func (p Pages) Holds(other Pages) bool { return other[0]&^p[0] == 0 && other[1]&^p[1] == 0 }

// With returns the pages of both.
func (p Pages) With(other Pages) Pages { return Pages{p[0] | other[0], p[1] | other[1]} }

// Without returns the pages that are not in other.
func (p Pages) Without(other Pages) Pages { return Pages{p[0] &^ other[0], p[1] &^ other[1]} }

// Len is how many pages the set has.
func (p Pages) Len() int { return bits.OnesCount64(p[0]) + bits.OnesCount64(p[1]) }

// Span returns the pages that length bytes at off of a block lie in; length is at least 1.
func Span(off, length int) Pages {
	var p Pages
	for n := off / PageSize; n <= (off+length-1)/PageSize && n < BlockPages; n++ {
		p.Add(n)
	}
	return p
}

// All is every page of a block.
func All() Pages { return Pages{^uint64(0), ^uint64(0)} }

// zeroOf returns which pages of a block are zero, among those asked for.
func zeroOf(block []byte, among Pages) (zero Pages) {
	for n := range BlockPages {
		if among.Has(n) && isZero(block[n*PageSize:(n+1)*PageSize]) {
			zero.Add(n)
		}
	}
	return zero
}

func isZero(b []byte) bool {
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}

// Gather appends the pages of a block, in their order.
func Gather(dst, block []byte, pages Pages) []byte {
	for n := range BlockPages {
		if pages.Has(n) {
			dst = append(dst, block[n*PageSize:(n+1)*PageSize]...)
		}
	}
	return dst
}

// Scatter puts gathered pages at their places in a block; it returns false if there are not as many bytes as pages.
func Scatter(block, gathered []byte, pages Pages) bool {
	if len(gathered) != pages.Len()*PageSize {
		return false
	}
	for n := range BlockPages {
		if pages.Has(n) {
			copy(block[n*PageSize:], gathered[:PageSize])
			gathered = gathered[PageSize:]
		}
	}
	return true
}
