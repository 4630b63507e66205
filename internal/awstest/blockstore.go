package awstest

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// blockSize is the EBS direct APIs' block: 512 KiB.
const blockSize = 512 << 10

// BlockStats counts what the EBS direct APIs gave out since New or the last ResetBlocks.
type BlockStats struct {
	Gets   int   // GetSnapshotBlock answers with data
	Unique int   // different blocks of different snapshots among them
	Bytes  int64 // of block data
	Lists  int   // ListSnapshotBlocks and ListChangedBlocks answers
}

// blockStore keeps what is on volumes and snapshots.
type blockStore struct {
	now  func() time.Time
	life time.Duration
	key  []byte // signs tokens

	mu      sync.Mutex
	images  map[string]*image // by volume or snapshot
	snaps   map[string]*snap
	denied  map[string]string // volume or snapshot → KMS key that refuses
	corrupt map[blockKey]int  // how many more reads of it come out wrong
	stats   BlockStats
	got     map[blockKey]int
}

type blockKey struct {
	snapshot string
	index    int64
}

func newBlockStore(now func() time.Time, life time.Duration) *blockStore {
	if life == 0 {
		life = 7 * 24 * time.Hour
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // crypto/rand never fails
	return &blockStore{
		now: now, life: life, key: key, images: map[string]*image{}, snaps: map[string]*snap{}, denied: map[string]string{},
		corrupt: map[blockKey]int{}, got: map[blockKey]int{},
	}
}

func (b *blockStore) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, i := range b.images {
		i.close()
	}
}

// BlockStats returns what was given out so far.
func (a *AWS) BlockStats() BlockStats {
	a.ebs.mu.Lock()
	defer a.ebs.mu.Unlock()
	s := a.ebs.stats
	s.Unique = len(a.ebs.got)
	return s
}

// ResetBlocks begins the counts anew.
func (a *AWS) ResetBlocks() {
	a.ebs.mu.Lock()
	defer a.ebs.mu.Unlock()
	a.ebs.stats, a.ebs.got = BlockStats{}, map[blockKey]int{}
}

// DenyKey makes the KMS key of a volume or a snapshot refuse: reading its blocks is AccessDeniedException with the reason DEPENDENCY_ACCESS_DENIED. An
// empty key ARN takes it back.
func (a *AWS) DenyKey(id, keyARN string) {
	a.ebs.mu.Lock()
	defer a.ebs.mu.Unlock()
	if keyARN == "" {
		delete(a.ebs.denied, id)
		return
	}
	a.ebs.denied[id] = keyARN
}

// CorruptBlock makes the next reads of a snapshot's block come out with one bit changed, under the checksum of the right data.
func (a *AWS) CorruptBlock(snapshot string, index int64, reads int) {
	a.ebs.mu.Lock()
	defer a.ebs.mu.Unlock()
	a.ebs.corrupt[blockKey{snapshot, index}] = reads
}

// count records a read and says whether it has to come out wrong.
func (b *blockStore) count(k blockKey, n int) (wrong bool) {
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

// token signs a snapshot, a block and a time of expiry. Its form is the model's: at most 256 of A-Z a-z 0-9 + / =.
func (b *blockStore) token(snapshot string, index int64, expires time.Time) string {
	t, _ := binary.Append(nil, binary.BigEndian, [2]int64{index, expires.Unix()}) // of a fixed size: it cannot fail
	return base64.StdEncoding.EncodeToString(append(t, b.sign(snapshot, t)...))
}

func (b *blockStore) sign(snapshot string, t []byte) []byte {
	m := hmac.New(sha256.New, b.key)
	m.Write(t)
	m.Write([]byte(snapshot))
	return m.Sum(nil)
}

// read says which block a token is for; ok is false if it is not ours, for another snapshot, or expired.
func (b *blockStore) read(token, snapshot string) (index int64, ok bool) {
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

// image is a raw disk image and which of its blocks hold data.
type image struct {
	path string
	size int64

	once   sync.Once
	err    error
	file   *os.File
	blocks []int64            // in order, those that are not all zero
	sums   map[int64][32]byte // SHA-256 of each
}

func (i *image) close() {
	if i.file != nil {
		_ = i.file.Close() // opened to read
	}
}

// index reads the image once: holes are skipped, blocks of zeros are left out.
func (i *image) index() error {
	i.once.Do(func() { i.err = i.scan() })
	return i.err
}

func (i *image) scan() error {
	f, err := os.Open(i.path)
	if err != nil {
		return fmt.Errorf("open image: %w", err)
	}
	i.file, i.sums = f, map[int64][32]byte{}
	zero := make([]byte, blockSize)
	buf := make([]byte, blockSize)
	for at := int64(0); at < i.size; {
		data, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil // holes to the end
		}
		if err != nil {
			return fmt.Errorf("seek data in %s: %w", i.path, err)
		}
		n := data / blockSize
		if err := i.readBlock(n, buf); err != nil {
			return err
		}
		if !bytes.Equal(buf, zero) {
			i.blocks = append(i.blocks, n)
			i.sums[n] = sha256.Sum256(buf)
		}
		at = (n + 1) * blockSize
	}
	return nil
}

// readBlock reads block n, filled up with zeros past the image's end.
func (i *image) readBlock(n int64, buf []byte) error {
	got, err := i.file.ReadAt(buf, n*blockSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read block %d of %s: %w", n, i.path, err)
	}
	clear(buf[got:])
	return nil
}
