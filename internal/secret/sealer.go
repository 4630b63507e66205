package secret

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// version is the first byte of a sealed value: 1 is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a random 192-bit nonce.
// After it come the key's ID (one length byte and the text), the nonce and the ciphertext with its tag.
const version = 1

// ErrSealed marks a sealed value that cannot be opened: spoiled, moved to another row, or sealed with a key that was not given.
var ErrSealed = errors.New("sealed value cannot be opened")

// ErrUnknownKey is the ErrSealed whose key was not given: add it to the older keys.
var ErrUnknownKey = fmt.Errorf("%w: its key is not at hand", ErrSealed)

// Sealer seals with one key and opens with that and older ones. It is safe for concurrent use.
type Sealer struct {
	current Key
	keys    map[string]Key
}

// NewSealer seals with current and opens also what older keys sealed.
func NewSealer(current Key, older ...Key) *Sealer {
	s := &Sealer{current: current, keys: map[string]Key{current.id: current}}
	for _, k := range older {
		s.keys[k.id] = k
	}
	return s
}

// KeyID returns the name of the key that seals now.
func (s *Sealer) KeyID() string { return s.current.id }

// Seal encrypts plain. The identity names the row it is for ("connector/…/secret"): it is authenticated, not stored, and a value
// that was copied to another row does not open there.
func (s *Sealer) Seal(plain Text, identity string) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(s.current.k[:])
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	head := append([]byte{version, byte(len(s.current.id))}, s.current.id...) // #nosec G115 -- an ID has 16 characters
	nonce := make([]byte, aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("draw a nonce: %w", err)
	}
	return aead.Seal(append(head, nonce...), nonce, []byte(plain.s), additional(head, identity)), nil
}

// Open decrypts what Seal made for the same identity. It returns ErrUnknownKey or another ErrSealed.
func (s *Sealer) Open(sealed []byte, identity string) (Text, error) {
	id, err := SealedWith(sealed)
	if err != nil {
		return Text{}, err
	}
	k, ok := s.keys[id]
	if !ok {
		return Text{}, fmt.Errorf("%w (key %s)", ErrUnknownKey, id)
	}
	aead, err := chacha20poly1305.NewX(k.k[:])
	if err != nil {
		return Text{}, fmt.Errorf("open: %w", err)
	}
	head, rest := sealed[:2+len(id)], sealed[2+len(id):]
	if len(rest) < aead.NonceSize()+aead.Overhead() {
		return Text{}, fmt.Errorf("%w: it is cut", ErrSealed)
	}
	nonce, box := rest[:aead.NonceSize()], rest[aead.NonceSize():]
	plain, err := aead.Open(nil, nonce, box, additional(head, identity))
	if err != nil {
		return Text{}, fmt.Errorf("%w: it was changed or is another row's", ErrSealed)
	}
	return Text{string(plain)}, nil
}

// Reseal opens a value and seals it with the current key. It returns the value as it is, and false, if that key sealed it already.
func (s *Sealer) Reseal(sealed []byte, identity string) (out []byte, changed bool, err error) {
	plain, err := s.Open(sealed, identity)
	if err != nil {
		return nil, false, err
	}
	if id, err := SealedWith(sealed); err == nil && id == s.current.id {
		return sealed, false, nil
	}
	out, err = s.Seal(plain, identity)
	return out, err == nil, err
}

// SealedWith returns the ID of the key that sealed a value. It returns ErrSealed if the value is of no form we know.
func SealedWith(sealed []byte) (string, error) {
	if len(sealed) < 2 {
		return "", fmt.Errorf("%w: it is cut", ErrSealed)
	}
	if sealed[0] != version {
		return "", fmt.Errorf("%w: version %d is not known, a newer hinomi may have sealed it", ErrSealed, sealed[0])
	}
	n := int(sealed[1])
	if len(sealed) < 2+n {
		return "", fmt.Errorf("%w: it is cut", ErrSealed)
	}
	return string(sealed[2 : 2+n]), nil
}

// additional joins head and identity so that no two pairs give the same bytes.
func additional(head []byte, identity string) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(head))) // #nosec G115 -- a head has at most 257 bytes
	return append(append(out, head...), identity...)
}
