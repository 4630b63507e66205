package secret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// KeyService is a service that keeps keys for us and never gives them out, such as AWS KMS (GenerateDataKey with AES_256, Decrypt).
// The context is authenticated with the wrapped key and must be the same again (KMS: EncryptionContext).
type KeyService interface {
	GenerateDataKey(ctx context.Context, keyID string, context map[string]string) (plain, wrapped []byte, err error)
	Decrypt(ctx context.Context, keyID string, wrapped []byte, context map[string]string) (plain []byte, err error)
}

// Wrapped is a data key as the key service wrapped it. It is no secret and is kept in the store's settings.
type Wrapped struct {
	Version int    `json:"version"` // 1
	KeyID   string `json:"keyId"`   // the service's key: a KMS key ARN
	Blob    []byte `json:"blob"`
	ID      string `json:"id"` // the data key's own name, Key.ID
}

const wrappedVersion = 1

// wrapContext binds the data key to one installation.
func wrapContext(installation string) map[string]string {
	return map[string]string{"hinomi:installation": installation}
}

// NewWrapped asks the service for a new data key for an installation.
func NewWrapped(ctx context.Context, s KeyService, keyID, installation string) (Key, Wrapped, error) {
	plain, blob, err := s.GenerateDataKey(ctx, keyID, wrapContext(installation))
	if err != nil {
		return Key{}, Wrapped{}, fmt.Errorf("generate a data key under %s: %w", keyID, err)
	}
	defer clear(plain)
	k, err := NewKey(plain)
	if err != nil {
		return Key{}, Wrapped{}, err
	}
	return k, Wrapped{Version: wrappedVersion, KeyID: keyID, Blob: blob, ID: k.id}, nil
}

// Unwrap asks the service for the data key. It returns ErrKey if the service answers with another one.
func (w Wrapped) Unwrap(ctx context.Context, s KeyService, installation string) (Key, error) {
	if w.Version != wrappedVersion {
		return Key{}, fmt.Errorf("%w: wrapped key of version %d is not known", ErrKey, w.Version)
	}
	plain, err := s.Decrypt(ctx, w.KeyID, w.Blob, wrapContext(installation))
	if err != nil {
		return Key{}, fmt.Errorf("unwrap the data key under %s: %w", w.KeyID, err)
	}
	defer clear(plain)
	k, err := NewKey(plain)
	if err != nil {
		return Key{}, err
	}
	if k.id != w.ID {
		return Key{}, fmt.Errorf("%w: the service unwrapped key %s, wanted is %s", ErrKey, k.id, w.ID)
	}
	return k, nil
}

// ParseWrapped reads a wrapped key as the settings keep it.
func ParseWrapped(b []byte) (Wrapped, error) {
	var w Wrapped
	if err := json.Unmarshal(b, &w); err != nil {
		return w, fmt.Errorf("read the wrapped key: %w", errors.Join(ErrKey, err))
	}
	return w, nil
}
