package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The parameters are the second recommended option of RFC 9106, section 4: argon2id, t=3, p=4, m=64 MiB, 128-bit salt, 256-bit tag.
const (
	argonTime    = 3
	argonMemory  = 64 << 10 // KiB
	argonThreads = 4
	saltLen      = 16
	tagLen       = 32
)

// Bounds of a stored hash's parameters, so that a spoiled row cannot ask for the machine's whole memory.
const (
	maxArgonTime   = 16
	maxArgonMemory = 1 << 20 // KiB: 1 GiB
)

// MinPassword is the shortest password accepted, in bytes: NIST SP 800-63B-4, 3.1.1.2, asks for 15 where a password stands alone.
const MinPassword = 15

// MaxPassword is the longest password accepted, in bytes: hashing unbounded input would be a way to spend our processor.
const MaxPassword = 1024

// ErrPassword marks a password that is refused for its length.
var ErrPassword = errors.New("password refused")

// ErrHash marks a stored password hash that is not an argon2id PHC string of ours.
var ErrHash = errors.New("password hash not understood")

// HashPassword returns the PHC string of a new argon2id hash. It returns ErrPassword for a password that is too short or too long.
func HashPassword(password string) (string, error) {
	if len(password) < MinPassword || len(password) > MaxPassword {
		return "", fmt.Errorf("%w: it has %d bytes, wanted are %d to %d", ErrPassword, len(password), MinPassword, MaxPassword)
	}
	salt := make([]byte, saltLen)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("draw a salt: %w", err)
	}
	tag := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, tagLen)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, argonMemory, argonTime, argonThreads, b64.EncodeToString(salt), b64.EncodeToString(tag)), nil
}

// CheckPassword reports in constant time whether a password belongs to a hash. It returns ErrHash if the hash cannot be read.
func CheckPassword(hash, password string) (bool, error) {
	h, err := parsePHC(hash)
	if err != nil {
		return false, err
	}
	if len(password) > MaxPassword {
		return false, nil
	}
	got := argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, tagLen)
	return subtle.ConstantTimeCompare(got, h.tag) == 1, nil
}

// SpendPassword takes the time of a check without a result. A sign-in with an unknown name calls it, so that names cannot be told by the clock.
func SpendPassword(password string) {
	if len(password) <= MaxPassword {
		argon2.IDKey([]byte(password), make([]byte, saltLen), argonTime, argonMemory, argonThreads, tagLen)
	}
}

// NeedsRehash reports whether a hash was made with other parameters than today's: hash again at the next sign-in.
func NeedsRehash(hash string) bool {
	h, err := parsePHC(hash)
	return err != nil || h.time != argonTime || h.memory != argonMemory || h.threads != argonThreads
}

type phc struct {
	time, memory uint32
	threads      uint8
	salt, tag    []byte
}

// parsePHC reads $argon2id$v=19$m=…,t=…,p=…$salt$tag (the PHC string format).
func parsePHC(s string) (phc, error) {
	var h phc
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, ErrHash
	}
	params := parts[3]
	if n, err := fmt.Sscanf(params, "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); n != 3 || err != nil {
		return h, ErrHash
	}
	if fmt.Sprintf("m=%d,t=%d,p=%d", h.memory, h.time, h.threads) != params ||
		h.time < 1 || h.time > maxArgonTime || h.threads < 1 || h.memory < 8*uint32(h.threads) || h.memory > maxArgonMemory {
		return h, ErrHash
	}
	var err error
	if h.salt, err = base64.RawStdEncoding.Strict().DecodeString(parts[4]); err != nil || len(h.salt) < 8 || len(h.salt) > 64 {
		return h, ErrHash
	}
	if h.tag, err = base64.RawStdEncoding.Strict().DecodeString(parts[5]); err != nil || len(h.tag) != tagLen {
		return h, ErrHash
	}
	return h, nil
}
