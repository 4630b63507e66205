package extract_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract"
)

// madeKey is a key that was made for this run: none lies in the repository.
type madeKey struct {
	text        []byte
	fingerprint string
	encrypted   bool
}

func pemText(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func fingerprintOf(t testing.TB, public crypto.PublicKey) string {
	t.Helper()
	p, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return ssh.FingerprintSHA256(p)
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// madeKeys makes a key of each form, by the path where it will lie.
func madeKeys(t testing.TB) map[string]madeKey {
	t.Helper()
	r := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	e := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	_, d, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block := must[*pem.Block](t)
	bytesOf := must[[]byte](t)
	rsaPrint, ecPrint, edPrint := fingerprintOf(t, &r.PublicKey), fingerprintOf(t, &e.PublicKey), fingerprintOf(t, d.Public())
	wire := must[ssh.PublicKey](t)(ssh.NewPublicKey(d.Public())).Marshal()
	legacy := &pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00112233445566778899AABBCCDDEEFF"}, Bytes: bytes.Repeat([]byte{7}, 64)}
	return map[string]madeKey{
		"home/a/.ssh/id_rsa":     {pemText("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r)), rsaPrint, false},
		"home/a/.ssh/id_ed25519": {pem.EncodeToMemory(block(ssh.MarshalPrivateKey(d, "a@b"))), edPrint, false},
		"home/a/.ssh/work":       {pem.EncodeToMemory(block(ssh.MarshalPrivateKeyWithPassphrase(d, "", []byte("x")))), edPrint, true},
		"etc/nginx/tls.key":      {pemText("EC PRIVATE KEY", bytesOf(x509.MarshalECPrivateKey(e))), ecPrint, false},
		"srv/app/server.pem":     {pemText("PRIVATE KEY", bytesOf(x509.MarshalPKCS8PrivateKey(e))), ecPrint, false},
		"opt/app/enc.pem":        {pemText("ENCRYPTED PRIVATE KEY", bytes.Repeat([]byte{9}, 64)), "", true},
		"opt/app/legacy.pem":     {pem.EncodeToMemory(legacy), "", true},
		"var/www/odd.key":        {pemText("PRIVATE KEY", bytes.Repeat([]byte{5}, 64)), "", false},
		"home/a/putty.ppk":       {fmt.Appendf(nil, "PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: aes256-cbc\r\nComment: c\r\nPublic-Lines: 1\r\n%s\r\nPrivate-Lines: 1\r\nAAAA\r\n", base64.StdEncoding.EncodeToString(wire)), edPrint, true},
		"home/a/backup.pem":      {[]byte("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----\n"), "", false},
	}
}

func randomText(t testing.TB, alphabet string, n int) string {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}

func TestSecrets(t *testing.T) {
	keys := madeKeys(t)
	id := "AKIA" + randomText(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)
	key := randomText(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/+", 40)
	// The published sample of "Behind GitHub's new authentication token formats" has a valid checksum; written in two so that no scanner finds it here.
	token := "ghp_zQWBuTSOoRi4A9spHcVY5" + "ncnsDkxkJ0mLq17"
	fsys := fstest.MapFS{
		"home/a/.aws/credentials":      {Data: []byte("[default]\naws_access_key_id = " + id + "\naws_secret_access_key = " + key + "\n"), Mode: 0o644},
		"srv/app/.env":                 {Data: []byte("A=1\nexport AWS_SECRET_ACCESS_KEY='" + key + "'\nAWS_ACCESS_KEY_ID=" + id + "\nGH=" + token + "\n"), Mode: 0o600},
		"home/a/.bashrc":               {Data: []byte("# " + id + " alone opens nothing\nX=" + strings.Replace(token, "17", "18", 1) + "\n"), Mode: 0o600},
		"home/a/.aws/config":           {Data: []byte("[default]\naws_access_key_id=AKIAIOSFODNN7EXAMPLE\naws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n")},
		"srv/app/node_modules/x/k.pem": {Data: keys["srv/app/server.pem"].text},
		"usr/share/doc/x/k.pem":        {Data: keys["srv/app/server.pem"].text},
		"etc/ssl/certs/k.pem":          {Data: keys["srv/app/server.pem"].text},
		"home/a/.ssh/id_rsa.pub":       {Data: []byte("ssh-ed25519 AAAA a@b\n")},
		"home/a/notes.txt":             {Data: keys["srv/app/server.pem"].text},
		"home/a/cert.pem":              {Data: []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")},
		"home/a/spoken.pem":            {Data: []byte("a file that begins with -----BEGIN PRIVATE KEY----- holds a key\n")},
		"home/a/binary.key":            {Data: append([]byte{0, 1, 2}, keys["srv/app/server.pem"].text...)},
		"home/a/huge.pem":              {Data: make([]byte, 2<<20)},
	}
	want := []inventory.Secret{}
	for name, k := range keys {
		fsys[name] = &fstest.MapFile{Data: append([]byte("# first line\n"), k.text...), Mode: 0o640}
		kind, line := inventory.PrivateKey, 2
		switch name {
		case "home/a/backup.pem":
			kind = inventory.PGPKey
		case "home/a/putty.ppk":
			fsys[name].Data, line = k.text, 1
		}
		want = append(want, inventory.Secret{Kind: kind, Path: "/" + name, Line: line, Fingerprint: k.fingerprint, Encrypted: k.encrypted, Mode: 0o640})
	}
	var log bytes.Buffer
	inv := run(t, fsys, extract.Options{Secrets: true, SecretSalt: []byte("salt"), Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	rest := 0
	for _, s := range inv.Secrets {
		switch s.Kind {
		case inventory.AWSAccessKey:
			if rest++; !strings.HasPrefix(s.Fingerprint, "…"+id[16:]+" hmac-sha256:") {
				t.Errorf("got %+v", s)
			}
		case inventory.GitHubToken:
			if rest++; !strings.HasPrefix(s.Fingerprint, "hmac-sha256:") || s.Path != "/srv/app/.env" || s.Line != 4 || s.Mode != 0o600 {
				t.Errorf("got %+v", s)
			}
		default:
			continue
		}
	}
	sorted := inventory.Inventory{Secrets: want}
	sorted.Sort()
	var found []inventory.Secret
	for _, s := range inv.Secrets {
		if s.Kind == inventory.PrivateKey || s.Kind == inventory.PGPKey {
			found = append(found, s)
		}
	}
	if diff := cmp.Diff(sorted.Secrets, found); diff != "" || rest != 3 {
		t.Errorf("%d others, want 3: %s", rest, diff)
	}
	if wantGap(t, inv, "/home/a/huge.pem", "over the limit"); len(inv.Gaps) != 1 {
		t.Errorf("got gaps %q", reasons(inv))
	}
	// The secret itself is nowhere.
	out := string(must[[]byte](t)(json.Marshal(inv))) + log.String()
	for _, s := range append([]string{id, key, token}, secretLines(keys)...) {
		if strings.Contains(out, s) || strings.Contains(out, strings.ReplaceAll(s, "/", `\/`)) {
			t.Errorf("the output holds a secret, or its ID: %.12s…", s)
		}
	}
	if inv := run(t, fsys, extract.Options{}); len(inv.Secrets) != 0 {
		t.Errorf("got %d secrets where none were looked for", len(inv.Secrets))
	}
	for _, s := range run(t, fsys, extract.Options{Secrets: true}).Secrets {
		if strings.Contains(s.Fingerprint, "hmac") {
			t.Errorf("got %+v without a salt", s)
		}
	}
}

// secretLines are the lines of base64 of the keys.
func secretLines(keys map[string]madeKey) []string {
	var out []string
	for _, k := range keys {
		for line := range strings.Lines(string(k.text)) {
			if line = strings.TrimSpace(line); len(line) >= 40 && !strings.Contains(line, "PRIVATE KEY") {
				out = append(out, line)
			}
		}
	}
	return out
}

// TestSecretsByTool holds our fingerprints against those of ssh-keygen.
func TestSecretsByTool(t *testing.T) {
	need(t, "ssh-keygen")
	for _, args := range [][]string{{"-t", "rsa", "-b", "2048"}, {"-t", "ecdsa"}, {"-t", "ed25519"}, {"-t", "rsa", "-m", "PEM"}, {"-t", "ed25519", "-N", "passphrase"}} {
		t.Run(strings.Join(args, "_"), func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "id")
			if len(args) < 4 || args[2] != "-N" {
				args = append(args, "-N", "")
			}
			if out, err := exec.CommandContext(t.Context(), "ssh-keygen", append(args, "-q", "-f", name)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			text := must[[]byte](t)(os.ReadFile(name))
			want := strings.Fields(string(must[[]byte](t)(exec.CommandContext(t.Context(), "ssh-keygen", "-lf", name+".pub").Output())))[1]
			inv := run(t, fstest.MapFS{"home/a/.ssh/id": {Data: text, Mode: 0o600}}, extract.Options{Secrets: true})
			if len(inv.Secrets) != 1 || inv.Secrets[0].Fingerprint != want || inv.Secrets[0].Encrypted != strings.Contains(strings.Join(args, " "), "passphrase") {
				t.Errorf("got %+v, want %s", inv.Secrets, want)
			}
		})
	}
}

func FuzzSecrets(f *testing.F) {
	for _, k := range madeKeys(f) {
		f.Add(k.text)
	}
	f.Add([]byte("aws_access_key_id=AKIAIOSFODNN7EXAMPLQ\nsecret=" + strings.Repeat("a", 40) + "\nnpm_" + strings.Repeat("0", 36)))
	f.Fuzz(func(t *testing.T, data []byte) {
		inv := run(t, fstest.MapFS{"home/a/.ssh/x": {Data: data, Mode: 0o600}}, extract.Options{Secrets: true, SecretSalt: []byte("s"), Workers: 1})
		for _, g := range inv.Gaps {
			if strings.Contains(g.Reason, "panicked") {
				t.Fatal(g.Reason)
			}
		}
		for _, s := range inv.Secrets {
			if s.Kind == "" || s.Path != "/home/a/.ssh/x" || s.Line == 0 || s.Mode != 0o600 {
				t.Errorf("got %+v", s)
			}
		}
	})
}
