package inventory

// Secret is a key or token that lies in a file: where, and a fingerprint by which its owner can find it again. The secret itself is in none of the fields.
type Secret struct {
	Kind SecretKind `json:"kind"`
	Path string     `json:"path"`
	Line int        `json:"line,omitempty"` // where it begins, from 1
	// Fingerprint of a private key is that of its public key as ssh-keygen(1) writes it, SHA256:…; of an access key of AWS its last four characters and
	// a keyed hash of its ID; of a token a keyed hash. "" if it cannot be told.
	Fingerprint string `json:"fingerprint,omitempty"`
	Mode        uint32 `json:"mode"`                // permission bits of the file, as in 0o600
	Encrypted   bool   `json:"encrypted,omitempty"` // a passphrase protects it
}

// SecretKind says what a secret opens.
type SecretKind string

// The kinds of secrets.
const (
	PrivateKey   SecretKind = "private-key"
	PGPKey       SecretKind = "pgp-private-key"
	AWSAccessKey SecretKind = "aws-access-key"
	GitHubToken  SecretKind = "github-token"
	GitLabToken  SecretKind = "gitlab-token"
	SlackToken   SecretKind = "slack-token"
	NPMToken     SecretKind = "npm-token"
	PyPIToken    SecretKind = "pypi-token"
	StripeKey    SecretKind = "stripe-key"
)
