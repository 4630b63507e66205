package secret_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hinomi/internal/secret"
)

const plain = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" // AWS's documented example

func key(t testing.TB, fill byte) secret.Key {
	t.Helper()
	k, err := secret.NewKey(bytes.Repeat([]byte{fill}, secret.KeyLen))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestTextNeverShows(t *testing.T) {
	s := secret.NewText(plain)
	nested := struct {
		Name string
		Key  secret.Text
		Ptr  *secret.Text
	}{"n", s, &s}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", slog.Any("key", s), slog.Any("nested", nested), slog.String("s", s.String()))
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", slog.Any("key", s), slog.Any("nested", nested))
	js, err := json.Marshal(nested)
	if err != nil {
		t.Fatal(err)
	}
	shown := []string{log.String(), string(js), fmt.Errorf("with %v", s).Error(), fmt.Sprint(nested), fmt.Sprint([]secret.Text{s}), fmt.Sprint(map[string]secret.Text{"k": s})}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v"} {
		shown = append(shown, fmt.Sprintf(verb, s), fmt.Sprintf(verb, &s), fmt.Sprintf(verb, nested))
	}
	for _, out := range shown {
		for _, leak := range []string{plain, plain[:12], hex.EncodeToString([]byte(plain[:6])), strings.ToUpper(hex.EncodeToString([]byte(plain[:6])))} {
			if strings.Contains(out, leak) {
				t.Errorf("the secret shows in %q", out)
			}
		}
	}
	if s.Reveal() != plain || s.Empty() || !(secret.Text{}).Empty() {
		t.Error("Reveal or Empty is wrong")
	}
	var in struct{ Key secret.Text }
	if err := json.Unmarshal([]byte(`{"Key":"abc"}`), &in); err != nil || in.Key.Reveal() != "abc" {
		t.Errorf("a request's secret is not read: %v", err)
	}
	for _, k := range []string{fmt.Sprintf("%v %+v %#v", key(t, 0x41), key(t, 0x41), key(t, 0x41))} {
		if strings.Contains(k, "AAAA") || strings.Contains(k, "65 65") || strings.Contains(k, "0x41") {
			t.Errorf("a key shows: %s", k)
		}
	}
}

func TestSeal(t *testing.T) {
	s := secret.NewSealer(key(t, 1))
	sealed, err := s.Seal(secret.NewText(plain), "connector/1/secret")
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Seal(secret.NewText(plain), "connector/1/secret")
	if err != nil || bytes.Equal(sealed, again) {
		t.Errorf("two sealings are alike: %v", err)
	}
	if bytes.Contains(sealed, []byte(plain[:8])) {
		t.Error("the secret is in the sealed value")
	}
	got, err := s.Open(sealed, "connector/1/secret")
	if err != nil || got.Reveal() != plain {
		t.Fatalf("open: %v", err)
	}
	for i := range sealed {
		spoiled := bytes.Clone(sealed)
		spoiled[i] ^= 1
		if _, err := s.Open(spoiled, "connector/1/secret"); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("byte %d spoiled: %v", i, err)
		}
		if _, err := s.Open(sealed[:i], "connector/1/secret"); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	if _, err := s.Open(sealed, "connector/2/secret"); !errors.Is(err, secret.ErrSealed) {
		t.Errorf("opened in another row: %v", err)
	}
	if _, err := secret.NewSealer(key(t, 2)).Open(sealed, "connector/1/secret"); !errors.Is(err, secret.ErrUnknownKey) {
		t.Errorf("opened with another key: %v", err)
	}
}

func TestRotation(t *testing.T) {
	old := secret.NewSealer(key(t, 1))
	sealed, err := old.Seal(secret.NewText(plain), "row")
	if err != nil {
		t.Fatal(err)
	}
	both := secret.NewSealer(key(t, 2), key(t, 1))
	out, changed, err := both.Reseal(sealed, "row")
	if err != nil || !changed {
		t.Fatalf("reseal: %v %v", changed, err)
	}
	if id, err := secret.SealedWith(out); err != nil || id != both.KeyID() || id == old.KeyID() {
		t.Errorf("sealed with %s: %v", id, err)
	}
	if _, changed, err := both.Reseal(out, "row"); err != nil || changed {
		t.Errorf("resealed twice: %v %v", changed, err)
	}
	if got, err := secret.NewSealer(key(t, 2)).Open(out, "row"); err != nil || got.Reveal() != plain {
		t.Errorf("open with the new key alone: %v", err)
	}
	if _, _, err := both.Reseal(sealed, "other row"); !errors.Is(err, secret.ErrSealed) {
		t.Errorf("reseal of another row's value: %v", err)
	}
}

func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	k, made, err := secret.EnsureKeyFile(path)
	if err != nil || !made {
		t.Fatalf("make: %v %v", made, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: %v %v", info, err)
	}
	again, made, err := secret.EnsureKeyFile(path)
	if err != nil || made || again.ID() != k.ID() {
		t.Errorf("again: %v %v", made, err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.ReadKeyFile(path); !errors.Is(err, secret.ErrKey) || !strings.Contains(err.Error(), "0640") {
		t.Errorf("a key that the group reads: %v", err)
	}
	if _, _, err := secret.EnsureKeyFile(path); !errors.Is(err, secret.ErrKey) {
		t.Errorf("a key that the group reads was replaced: %v", err)
	}
	if _, err := secret.ReadKeyFile(dir); err == nil {
		t.Error("a folder is a key")
	}
	raw := bytes.Repeat([]byte{7}, secret.KeyLen)
	want := key(t, 7).ID()
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"base64":   {base64.StdEncoding.EncodeToString(raw), true},
		"hex":      {hex.EncodeToString(raw) + "\n", true},
		"short":    {base64.StdEncoding.EncodeToString(raw[:31]), false},
		"long":     {base64.StdEncoding.EncodeToString(append(raw, 1)), false},
		"empty":    {"", false},
		"words":    {"correct horse battery staple", false},
		"huge":     {strings.Repeat("A", 1<<16), false},
		"raw_byte": {string(raw), false},
	} {
		k, err := secret.ParseKey(secret.NewText(c.text))
		if c.ok && (err != nil || k.ID() != want) || !c.ok && !errors.Is(err, secret.ErrKey) {
			t.Errorf("%s: %v %v", name, k, err)
		}
		if err != nil && c.text != "" && strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: the error shows the key", name)
		}
	}
}

// service is a key service that wraps by exclusive or, and minds key and context as KMS does.
type service struct {
	keyID string
	fail  error
}

func (s service) GenerateDataKey(_ context.Context, keyID string, c map[string]string) (plain, wrapped []byte, err error) {
	plain = bytes.Repeat([]byte{9}, secret.KeyLen)
	return plain, []byte(keyID + "|" + fmt.Sprint(c) + "|" + hex.EncodeToString(plain)), s.fail
}

func (s service) Decrypt(_ context.Context, keyID string, wrapped []byte, c map[string]string) ([]byte, error) {
	parts := strings.Split(string(wrapped), "|")
	if keyID != s.keyID || parts[0] != keyID || parts[1] != fmt.Sprint(c) {
		return nil, errors.New("InvalidCiphertextException")
	}
	b, err := hex.DecodeString(parts[2])
	return b, errors.Join(err, s.fail)
}

func TestWrapped(t *testing.T) {
	ctx, s := t.Context(), service{keyID: "arn:aws:kms:us-east-1:111111111111:key/1"}
	k, w, err := secret.NewWrapped(ctx, s, s.keyID, "hin-1")
	if err != nil || k.ID() != key(t, 9).ID() {
		t.Fatalf("generate: %v %v", k, err)
	}
	b, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	back, err := secret.ParseWrapped(b)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := back.Unwrap(ctx, s, "hin-1"); err != nil || got.ID() != k.ID() {
		t.Errorf("unwrap: %v %v", got, err)
	}
	if _, err := back.Unwrap(ctx, s, "hin-2"); err == nil {
		t.Error("another installation's key was unwrapped")
	}
	denied := service{keyID: s.keyID, fail: errors.New("AccessDeniedException")}
	if _, err := back.Unwrap(ctx, denied, "hin-1"); err == nil || !strings.Contains(err.Error(), s.keyID) {
		t.Errorf("the error does not name the key: %v", err)
	}
	back.Version = 2
	if _, err := back.Unwrap(ctx, s, "hin-1"); !errors.Is(err, secret.ErrKey) {
		t.Errorf("unknown version: %v", err)
	}
	back.Version, back.ID = 1, "other"
	if _, err := back.Unwrap(ctx, s, "hin-1"); !errors.Is(err, secret.ErrKey) {
		t.Errorf("another data key: %v", err)
	}
	if _, err := secret.ParseWrapped([]byte("{")); !errors.Is(err, secret.ErrKey) {
		t.Errorf("broken: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	s := secret.NewSealer(key(f, 1))
	sealed, err := s.Seal(secret.NewText(plain), "row")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte{})
	f.Add([]byte{1, 255})
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := s.Open(b, "row")
		if err == nil && (got.Reveal() != plain || !bytes.Equal(b, sealed)) {
			t.Errorf("opened what was not sealed: %x", b)
		}
	})
}
