package exposed_test

import (
	"strings"
	"testing"

	"hinomi/internal/asset"
	"hinomi/internal/evaluate/exposed"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
)

func TestFindings(t *testing.T) {
	ref := asset.Ref{Account: "111122223333", Region: "eu-west-1", Kind: asset.KindInstance, ID: "i-1"}
	for _, c := range []struct {
		name string
		s    inventory.Secret
		want finding.Severity
		why  string
	}{
		{"private_key", inventory.Secret{Kind: inventory.PrivateKey, Path: "/home/a/.ssh/id_ed25519", Mode: 0o600, Fingerprint: "SHA256:x"}, finding.Medium, "snapshot"},
		{"readable_key", inventory.Secret{Kind: inventory.PrivateKey, Path: "/srv/key.pem", Mode: 0o644}, finding.High, "everybody"},
		{"encrypted_key", inventory.Secret{Kind: inventory.PrivateKey, Path: "/srv/key.pem", Mode: 0o644, Encrypted: true}, finding.Informational, "passphrase"},
		{"host_key", inventory.Secret{Kind: inventory.PrivateKey, Path: "/etc/ssh/ssh_host_rsa_key", Mode: 0o600}, finding.Informational, "sshd"},
		{"host_key_for_all", inventory.Secret{Kind: inventory.PrivateKey, Path: "/etc/ssh/ssh_host_rsa_key", Mode: 0o644}, finding.High, "everybody"},
		{"service_key", inventory.Secret{Kind: inventory.PrivateKey, Path: "/etc/ssl/private/web.key", Mode: 0o640}, finding.Low, "services"},
		{"access_key", inventory.Secret{Kind: inventory.AWSAccessKey, Path: "/home/a/.aws/credentials", Line: 2, Mode: 0o600, Fingerprint: "…MPLE"}, finding.High, "withdrawn"},
		{"token", inventory.Secret{Kind: inventory.GitHubToken, Path: "/home/a/.netrc", Line: 1, Mode: 0o600}, finding.High, "withdrawn"},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := exposed.Findings(ref, []inventory.Secret{c.s})
			if len(list) != 1 {
				t.Fatalf("%d findings", len(list))
			}
			f := list[0]
			if f.Severity != c.want || !strings.Contains(f.Description, c.why) || f.Type != finding.ExposedSecret || f.Resource != ref || f.Secret.Path != c.s.Path || f.Remediation == "" {
				t.Errorf("got %s %q %+v, want %s and words about %s", f.Severity, f.Description, f, c.want, c.why)
			}
			moved := c.s
			moved.Line += 5
			again := exposed.Findings(ref, []inventory.Secret{moved})[0]
			if (again.ID == f.ID) != (c.s.Fingerprint != "") {
				t.Errorf("moved in its file: %s, before %s", again.ID, f.ID)
			}
		})
	}
}
