// Package exposed judges keys and tokens that lie about on a disk: whoever reads the disk, or a backup of it, has them. It knows places and
// fingerprints only, never a secret.
package exposed

import (
	"fmt"
	"strings"

	"hinomi/internal/asset"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
)

// Findings returns a finding for each secret of an inventory, on the asset whose it is, without times.
func Findings(ref asset.Ref, secrets []inventory.Secret) []finding.Finding {
	out := make([]finding.Finding, 0, len(secrets))
	for _, s := range secrets {
		severity, why := judge(s)
		name := noun(s.Kind)
		evidence := []string{fmt.Sprintf("%s in %s", name, place(s))}
		if s.Fingerprint != "" {
			evidence = append(evidence, "fingerprint "+s.Fingerprint)
		}
		out = append(out, finding.Finding{
			ID:          finding.Fingerprint(finding.ExposedSecret, ref, string(s.Kind), s.Path, s.Fingerprint, fmt.Sprint(lineOf(s))),
			Type:        finding.ExposedSecret,
			Title:       name + " in " + s.Path,
			Description: why,
			Severity:    severity,
			Resource:    ref,
			Secret:      &finding.Secret{Kind: string(s.Kind), Path: s.Path, Line: s.Line, Fingerprint: s.Fingerprint, Mode: fmt.Sprintf("%04o", s.Mode), Encrypted: s.Encrypted},
			Remediation: mend(s),
			Why:         append(evidence, why),
			Status:      finding.Active,
		})
	}
	return out
}

// lineOf tells secrets without a fingerprint apart.
func lineOf(s inventory.Secret) int {
	if s.Fingerprint != "" {
		return 0 // it may move in its file
	}
	return s.Line
}

// judge returns the severity and the reason.
func judge(s inventory.Secret) (finding.Severity, string) {
	switch {
	case s.Encrypted:
		return finding.Informational, "a passphrase protects it"
	case strings.HasPrefix(s.Path, "/etc/ssh/ssh_host_") && s.Mode&0o077 == 0:
		return finding.Informational, "it is the host's own key, which sshd needs, and only root reads it"
	case s.Kind == inventory.AWSAccessKey:
		return finding.High, "a long-term access key works from anywhere until it is withdrawn; a role needs none"
	case s.Kind != inventory.PrivateKey && s.Kind != inventory.PGPKey:
		return finding.High, "it works from anywhere until it is withdrawn"
	case s.Mode&0o004 != 0:
		return finding.High, fmt.Sprintf("no passphrase protects it and everybody on the host may read it (mode %04o)", s.Mode)
	case strings.HasPrefix(s.Path, "/etc/ssl/private/") || strings.HasPrefix(s.Path, "/etc/pki/tls/private/"):
		return finding.Low, "no passphrase protects it; it lies where keys of services belong"
	default:
		return finding.Medium, "no passphrase protects it: who reads the disk, a snapshot or a backup of it has it"
	}
}

func place(s inventory.Secret) string {
	if s.Line > 0 {
		return fmt.Sprintf("%s, line %d", s.Path, s.Line)
	}
	return s.Path
}

func noun(k inventory.SecretKind) string {
	switch k {
	case inventory.PrivateKey:
		return "Private key"
	case inventory.PGPKey:
		return "PGP private key"
	case inventory.AWSAccessKey:
		return "AWS access key"
	default:
		return strings.ReplaceAll(strings.ToUpper(string(k[:1]))+string(k[1:]), "-", " ")
	}
}

func mend(s inventory.Secret) string {
	switch s.Kind {
	case inventory.PrivateKey, inventory.PGPKey:
		return "Remove the key from the disk or protect it with a passphrase; replace it where somebody else may have read it."
	case inventory.AWSAccessKey:
		return "Give the instance a role, delete the access key in IAM, then the file."
	default:
		return "Withdraw the token where it was issued, then delete it here; keep its successor in a secret store."
	}
}
