package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// KeyLen is the length of a key in bytes.
const KeyLen = 32

// ErrKey marks a key that cannot be used: of a wrong length, or in a file that others can read.
var ErrKey = errors.New("key refused")

// Key is a sealing key. Its ID is derived from it, so that two keys are never taken for one another; it tells nothing about the key.
type Key struct {
	id string
	k  [KeyLen]byte
}

// ID returns the key's name: 16 hexadecimal digits.
func (k Key) ID() string { return k.id }

// String returns the key's name, never the key.
func (k Key) String() string { return "key " + k.id }

// GoString returns the key's name, never the key.
func (k Key) GoString() string { return k.String() }

// NewKey makes a key of 32 bytes.
func NewKey(b []byte) (Key, error) {
	if len(b) != KeyLen {
		return Key{}, fmt.Errorf("%w: it has %d bytes, not %d", ErrKey, len(b), KeyLen)
	}
	var k Key
	copy(k.k[:], b)
	h := sha256.Sum256(append([]byte("hinomi key id\x00"), b...))
	k.id = hex.EncodeToString(h[:8])
	return k, nil
}

// ParseKey reads a key as base64 or as 64 hexadecimal digits: the form of the environment's value and of a key file.
func ParseKey(t Text) (Key, error) {
	s := strings.TrimSpace(t.Reveal())
	if b, err := hex.DecodeString(s); err == nil && len(b) == KeyLen {
		return NewKey(b)
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return Key{}, fmt.Errorf("%w: neither base64 nor hexadecimal", ErrKey)
	}
	return NewKey(b)
}

// ReadKeyFile reads a key file. It returns ErrKey if the file can be read or written by others than its owner.
func ReadKeyFile(path string) (Key, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return Key{}, fmt.Errorf("open key file: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return Key{}, fmt.Errorf("look at key file %s: %w", path, err)
	}
	if err := checkMode(path, info); err != nil {
		return Key{}, err
	}
	b := make([]byte, 257)
	n, err := f.Read(b)
	if err != nil {
		return Key{}, fmt.Errorf("read key file %s: %w", path, err)
	}
	k, err := ParseKey(Text{string(b[:n])})
	if err != nil {
		return Key{}, fmt.Errorf("key file %s: %w", path, err)
	}
	return k, nil
}

// EnsureKeyFile reads the key file, or makes it with a new random key and mode 0600 if there is none.
func EnsureKeyFile(path string) (k Key, made bool, err error) {
	k, err = ReadKeyFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, false, err
	}
	b := make([]byte, KeyLen)
	if _, err := rand.Read(b); err != nil {
		return Key{}, false, fmt.Errorf("draw a key: %w", err)
	}
	if err := writeNew(path, base64.StdEncoding.EncodeToString(b)+"\n"); err != nil {
		if errors.Is(err, fs.ErrExist) { // another process was faster
			k, err = ReadKeyFile(path)
			return k, false, err
		}
		return Key{}, false, fmt.Errorf("make key file: %w", err)
	}
	k, err = NewKey(b)
	return k, true, err
}

// writeNew writes a file that appears whole or not at all, and never replaces one.
func writeNew(path, content string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".hinomi-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // linked or useless
	_, err = tmp.WriteString(content)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Link(tmp.Name(), path)
}
