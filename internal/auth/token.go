package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Token is what is kept of an API token: never the token itself, which is shown once when it is made.
type Token struct {
	ID         string    `json:"id"`
	UserID     string    `json:"userId"`
	Name       string    `json:"name"`
	Prefix     string    `json:"prefix"` // the first characters, so that a person can tell tokens apart
	Role       Role      `json:"role"`
	Scope      Scope     `json:"scope"`
	CreatedAt  time.Time `json:"createdAt,omitzero"`
	ExpiresAt  time.Time `json:"expiresAt,omitzero"` // zero: never
	LastUsedAt time.Time `json:"lastUsedAt,omitzero"`
	RevokedAt  time.Time `json:"revokedAt,omitzero"`
}

// Usable reports whether the token is neither revoked nor expired.
func (t Token) Usable(now time.Time) bool {
	return t.RevokedAt.IsZero() && (t.ExpiresAt.IsZero() || now.Before(t.ExpiresAt))
}

const (
	tokenMark   = "hinomi_"          // lets secret scanners recognise a token that leaked
	tokenPrefix = len(tokenMark) + 8 // characters of the token that are kept for people: 32 of its 256 bits
	tokenBytes  = 32
)

// ErrToken marks text that is not a token of ours.
var ErrToken = errors.New("not an API token")

// NewToken draws 256 random bits and returns the token to show once, the prefix to keep for people, and the hash to keep.
func NewToken() (token, prefix string, hash []byte, err error) {
	b := make([]byte, tokenBytes)
	if _, err := rand.Read(b); err != nil {
		return "", "", nil, fmt.Errorf("draw a token: %w", err)
	}
	token = tokenMark + hex.EncodeToString(b)
	return token, token[:tokenPrefix], digest(token), nil
}

// HashToken returns the SHA-256 under which a token is kept. A plain hash suffices: 256 random bits cannot be guessed.
// It returns ErrToken for text of another form.
func HashToken(token string) ([]byte, error) {
	rest, ok := strings.CutPrefix(token, tokenMark)
	if !ok || len(rest) != 2*tokenBytes {
		return nil, ErrToken
	}
	if _, err := hex.DecodeString(rest); err != nil {
		return nil, ErrToken
	}
	return digest(token), nil
}

func digest(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}
