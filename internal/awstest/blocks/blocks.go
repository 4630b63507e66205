// Package blocks keeps what is on volumes and snapshots and gives it out in the blocks of the EBS direct APIs, for the test double in internal/awstest.
package blocks

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// Size is the EBS direct APIs' block: 512 KiB.
const Size = 512 << 10

// Stats counts what was given out.
type Stats struct {
	Gets   int   // blocks with data
	Unique int   // different blocks of different snapshots among them
	Bytes  int64 // of block data
	Lists  int   // pages of lists
}

// Snapshot is one that EBS has.
type Snapshot struct {
	ID, Volume, Account, Region string
	SizeGiB                     int64
	Shared                      []string // accounts that may read it too
	DeniedKey                   string   // the KMS key that refuses, if one does

	image *image // nil if nothing was ever written to its volume
}

// Store keeps images by volume and snapshots by their ID.
type Store struct {
	now  func() time.Time
	life time.Duration
	key  []byte // signs tokens

	mu      sync.Mutex
	images  map[string]*image // by volume
	snaps   map[string]*Snapshot
	denied  map[string]string // volume or snapshot → KMS key that refuses
	corrupt map[blockKey]int  // how many more reads of it come out wrong
	stats   Stats
	got     map[blockKey]int
}

type blockKey struct {
	snapshot string
	index    int64
}

// New returns an empty store whose tokens are good for life by the clock now; for seven days if life is 0.
func New(now func() time.Time, life time.Duration) *Store {
	if life == 0 {
		life = 7 * 24 * time.Hour // Amazon EBS User Guide, "Read snapshots with EBS direct APIs"
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // crypto/rand never fails
	return &Store{
		now: now, life: life, key: key, images: map[string]*image{}, snaps: map[string]*Snapshot{}, denied: map[string]string{},
		corrupt: map[blockKey]int{}, got: map[blockKey]int{},
	}
}

// Close closes the images.
func (b *Store) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, i := range b.images {
		i.close()
	}
	for _, s := range b.snaps {
		if s.image != nil {
			s.image.close()
		}
	}
}

// Attach puts the image at path on a volume or on a snapshot, and indexes it at once, so that no bench measures that.
func (b *Store) Attach(id, path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("attach image to %s: %w", id, err)
	}
	img := &image{path: path, size: fi.Size()}
	b.mu.Lock()
	for _, other := range b.images { // one file is indexed once
		if other.path == path && other.size == img.size {
			img = other
		}
	}
	if s := b.snaps[id]; s != nil {
		s.image = img
	} else {
		b.images[id] = img
	}
	b.mu.Unlock()
	if err := img.index(); err != nil {
		return fmt.Errorf("attach image to %s: %w", id, err)
	}
	return nil
}

// Add takes up a snapshot, with what its volume holds now. It returns an error if that is larger than the volume.
func (b *Store) Add(s Snapshot) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.image = b.images[s.Volume]
	b.snaps[s.ID] = &s
	if s.image != nil && GiB(s.image.size) > s.SizeGiB {
		return fmt.Errorf("the image of volume %s has %d GiB, the volume only %d", s.Volume, GiB(s.image.size), s.SizeGiB)
	}
	return nil
}

// GiB is how many GiB hold size bytes, at least one.
func GiB(size int64) int64 { return max(1, (size+1<<30-1)>>30) }

// Copy takes up a copy of a snapshot in an account and a region.
func (b *Store) Copy(from, to, account, region string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if src := b.snaps[from]; src != nil {
		cp := *src
		cp.ID, cp.Account, cp.Region, cp.Shared = to, account, region, nil
		b.snaps[to] = &cp
	}
}

// Remove forgets a snapshot.
func (b *Store) Remove(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.snaps, id)
}

// Share adds accounts that may read a snapshot, and removes others.
func (b *Store) Share(id string, add, remove []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.snaps[id]; s != nil {
		all := slices.Concat(s.Shared, add)
		s.Shared = slices.DeleteFunc(all, func(u string) bool { return slices.Contains(remove, u) })
	}
}

// IDs are the snapshots', sorted.
func (b *Store) IDs() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids := make([]string, 0, len(b.snaps))
	for id := range b.snaps {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Find returns a snapshot.
func (b *Store) Find(id string) (s Snapshot, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.snaps[id]
	if p == nil {
		return Snapshot{}, false
	}
	s = *p
	s.DeniedKey = b.denied[s.ID] + b.denied[s.Volume]
	return s, true
}

// Stats returns the counts so far.
func (b *Store) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.stats
	s.Unique = len(b.got)
	return s
}

// Reset begins the counts anew.
func (b *Store) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats, b.got = Stats{}, map[blockKey]int{}
}

// Deny makes the KMS key of a volume or a snapshot refuse; an empty key takes it back.
func (b *Store) Deny(id, key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if key == "" {
		delete(b.denied, id)
		return
	}
	b.denied[id] = key
}

// Corrupt makes the next reads of a block come out with one bit changed.
func (b *Store) Corrupt(snapshot string, index int64, reads int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.corrupt[blockKey{snapshot, index}] = reads
}

// Listed counts a page of a list.
func (b *Store) Listed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats.Lists++
}

// Read returns a block with the checksum of the right data, and counts it.
func (b *Store) Read(s Snapshot, n int64) (data []byte, sum [32]byte, err error) {
	data = make([]byte, Size)
	if s.image != nil {
		if err := s.image.readBlock(n, data); err != nil {
			return nil, sum, err
		}
	}
	sum, indexed := s.sum(n)
	if !indexed {
		sum = sha256.Sum256(data)
	}
	if b.count(blockKey{s.ID, n}, len(data)) {
		data[len(data)/2] ^= 1
	}
	return data, sum, nil
}

// count records a read and says whether it has to come out wrong.
func (b *Store) count(k blockKey, n int) (wrong bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats.Gets++
	b.stats.Bytes += int64(n)
	b.got[k]++
	if b.corrupt[k] > 0 {
		b.corrupt[k]--
		return true
	}
	return false
}

// Expiry is when a token that is given out now will end.
func (b *Store) Expiry() time.Time { return b.now().Add(b.life).Truncate(time.Second) }

// Token signs a snapshot, a block and a time of expiry. Its form is the model's: at most 256 of A-Z a-z 0-9 + / =.
func (b *Store) Token(snapshot string, index int64, expires time.Time) string {
	t, _ := binary.Append(nil, binary.BigEndian, [2]int64{index, expires.Unix()}) // of a fixed size: it cannot fail
	return base64.StdEncoding.EncodeToString(append(t, b.sign(snapshot, t)...))
}

func (b *Store) sign(snapshot string, t []byte) []byte {
	m := hmac.New(sha256.New, b.key)
	m.Write(t)
	m.Write([]byte(snapshot))
	return m.Sum(nil)
}

// Index says which block a token is for; ok is false if it is not ours, for another snapshot, or expired.
func (b *Store) Index(token, snapshot string) (index int64, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(raw) != 16+sha256.Size || !hmac.Equal(raw[16:], b.sign(snapshot, raw[:16])) {
		return 0, false
	}
	var t [2]int64
	if _, err := binary.Decode(raw, binary.BigEndian, &t); err != nil {
		return 0, false
	}
	return t[0], b.now().Before(time.Unix(t[1], 0))
}
