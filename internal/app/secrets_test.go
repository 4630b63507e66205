package app_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"hinomi/internal/auth"
	"hinomi/internal/coverage"
	"hinomi/internal/finding"
	"hinomi/internal/run"
	"hinomi/internal/store"
)

// TestSecretsOnDisks finds a private key on an instance's disk where that is switched on, keeps where it lies and its fingerprint as a finding of the
// instance, and nothing of the key itself.
func TestSecretsOnDisks(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for name, text := range map[string]string{
		"etc/os-release":      "ID=debian\nVERSION_ID=12\n",
		"var/lib/dpkg/status": "Package: bash\nStatus: install ok installed\nVersion: 5.2.15-2+b2\nArchitecture: amd64\n\n",
		"home/a/.ssh/id":      string(pem.EncodeToMemory(block)),
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	image := diskOf(t, root, 8)

	w := newWorld(t)
	w.AttachImage(w.volumes[0], image)
	a := w.open(t, nil)
	defer a.Close() //nolint:errcheck // the test ends
	secrets := func() []finding.Finding {
		t.Helper()
		if s, err := a.ScanNow(t.Context(), auth.System(), w.ref); err != nil || s.State != run.Finished {
			t.Fatalf("scan: %+v %v", s, err)
		}
		return all(t, func(from string) ([]finding.Finding, string, error) {
			return a.Store().Findings(t.Context(), auth.Everything(), store.FindingFilter{Types: []finding.Type{finding.ExposedSecret}}, from, 100)
		})
	}
	if got := secrets(); len(got) != 0 {
		t.Errorf("found without being switched on: %+v", got)
	}
	if err := a.EditScanSettings(t.Context(), auth.System(), func(s *coverage.Settings) error { s.Secrets = true; return nil }); err != nil {
		t.Fatal(err)
	}
	got := secrets()
	if len(got) != 1 || got[0].Resource != w.ref || got[0].Secret == nil || got[0].Secret.Path != "/home/a/.ssh/id" || got[0].Secret.Fingerprint != ssh.FingerprintSHA256(key) {
		t.Fatalf("found: %+v", got)
	}
	_, inv, err := a.Store().AssetInventory(t.Context(), auth.Everything(), w.ref)
	if err != nil || len(inv.Secrets) != 0 {
		t.Errorf("an inventory that hosts may share holds secrets: %+v %v", inv.Secrets, err)
	}
	body := strings.Split(string(pem.EncodeToMemory(block)), "\n")[2]
	data, err := os.ReadFile(filepath.Join(w.dir, "hinomi.db"))
	if err != nil || strings.Contains(string(data), body) {
		t.Errorf("the key stands in the database: %v", err)
	}
}
