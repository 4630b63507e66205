package secret

import (
	"bytes"
	"hash/crc32"
	"regexp"

	"hinomi/internal/inventory"
)

// awsKeyID is the ID of an access key, long-lived or temporary, and awsSecret what must stand near it (IAM User Guide, "IAM identifiers": unique ID
// prefixes). The ID alone opens nothing.
var (
	awsKeyID  = regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z2-7]{16}\b`)
	awsSecret = regexp.MustCompile(`(?i)secret[\w.-]*["']?\s*(?:=>|[=:])\s*["']?([A-Za-z0-9/+]{40})(?:["'\s,;]|$)`)
)

// near is how many lines may lie between an ID and its secret.
const near = 5

// awsPair is what was last seen of a pair.
type awsPair struct {
	id     []byte
	idLine int
	secret int // its line; 0: not seen
}

func (s *scan) aws(p *awsPair, line []byte, n int) {
	if id := awsKeyID.Find(line); id != nil && !bytes.Contains(id, []byte("EXAMPLE")) {
		p.id, p.idLine = bytes.Clone(id), n
	}
	if awsSecret.Match(line) && !bytes.Contains(line, []byte("EXAMPLEKEY")) {
		p.secret = n
	}
	if p.id == nil || p.secret == 0 || p.idLine-p.secret > near || p.secret-p.idLine > near {
		return
	}
	fingerprint := "…" + string(p.id[len(p.id)-4:])
	if keyed := s.keyed(p.id); keyed != "" {
		fingerprint += " " + keyed
	}
	s.add(inventory.Secret{Kind: inventory.AWSAccessKey, Line: p.idLine, Fingerprint: fingerprint})
	*p = awsPair{}
}

// form is how a kind of token looks.
type form struct {
	kind  inventory.SecretKind
	mark  string // which each holds, so that most lines cost one search
	match *regexp.Regexp
	check func(token []byte) bool
}

// forms are tokens that name their maker, so that hardly anything else looks like one: GitHub ("Behind GitHub's new authentication token formats"),
// GitLab ("GitLab token overview"), Slack ("Token types"), npm (the same form as GitHub's), PyPI (macaroons for pypi.org), Stripe ("API keys").
var forms = []form{
	{inventory.GitHubToken, "gh", regexp.MustCompile(`\bgh[pousr]_[A-Za-z0-9]{36}\b`), checksummed},
	{inventory.GitHubToken, "github_pat_", regexp.MustCompile(`\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b`), nil},
	{inventory.GitLabToken, "glpat-", regexp.MustCompile(`\bglpat-[A-Za-z0-9_-]{20}\b`), nil},
	{inventory.SlackToken, "xox", regexp.MustCompile(`\bxox[abp]-[0-9]{10,13}-[0-9]{10,13}(?:-[0-9]{10,13})?-[A-Za-z0-9]{24,34}\b`), nil},
	{inventory.NPMToken, "npm_", regexp.MustCompile(`\bnpm_[A-Za-z0-9]{36}\b`), checksummed},
	{inventory.PyPIToken, "pypi-AgEI", regexp.MustCompile(`\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}`), nil},
	{inventory.StripeKey, "k_live_", regexp.MustCompile(`\b[rs]k_live_[A-Za-z0-9]{24,99}\b`), nil},
}

func (s *scan) tokens(line []byte, n int) {
	for _, f := range forms {
		if !bytes.Contains(line, []byte(f.mark)) {
			continue
		}
		for _, token := range f.match.FindAll(line, 20) {
			if f.check == nil || f.check(token) {
				s.add(inventory.Secret{Kind: f.kind, Line: n, Fingerprint: s.keyed(token)})
			}
		}
	}
}

// checksummed says whether the last six characters are the CRC-32 of those behind the prefix, in base 62.
func checksummed(token []byte) bool {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	i := bytes.IndexByte(token, '_') + 1
	body, want := token[i:len(token)-6], token[len(token)-6:]
	sum := crc32.ChecksumIEEE(body)
	for k := 5; k >= 0; k-- {
		if want[k] != digits[sum%62] {
			return false
		}
		sum /= 62
	}
	return sum == 0
}
