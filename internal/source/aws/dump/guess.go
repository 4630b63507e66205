package dump

import (
	"cmp"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"hinomi/internal/asset"
	"hinomi/internal/connector"
)

// Unknown is the account or region of files that nothing tells it of.
const Unknown = "unknown"

var knownRegions = func() (all []string) {
	for _, t := range connector.AccountTypes() {
		all = append(all, connector.Regions(t)...)
	}
	return all
}()

// accountFiles are the files whose OwnerId is the account's own, the surest first. A shared subnet or an image has another's.
var accountFiles = []string{"Reservations", "NetworkInterfaces", "InternetGateways", "SecurityGroups", "RouteTables", "NetworkAcls", "Vpcs", "Subnets", "VpcEndpoints", "TransitGateways"}

const (
	guessBytes = 4 << 20 // how much of a file is looked at
	guessVotes = 500     // how many sayings decide
)

// guess fills what the path does not tell of a folder from what its files say: the account from
// sts-get-caller-identity and from owners, the region from zones and ARNs.
func (l *loader) guess(dir string, files []file, p place) place {
	identity := votes{}
	l.vote(path.Join(dir, "sts-get-caller-identity.json"), &identity)
	if p.account == "" {
		p.account = identity.callers.winner()
	}
	files = slices.Clone(files)
	rank := func(f file) int {
		if i := slices.Index(accountFiles, f.part.Name); i >= 0 {
			return i
		}
		return len(accountFiles)
	}
	slices.SortStableFunc(files, func(a, b file) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.name, b.name)) })
	var arns votes
	try := func(name string, owners bool) {
		v := votes{}
		l.vote(name, &v)
		if owners && p.account == "" {
			p.account = v.owners.winner()
		}
		if p.region == "" {
			p.region = v.zones.winner()
		}
		arns.add(&v)
	}
	try(path.Join(dir, "AvailabilityZones.json"), false)
	for _, f := range files {
		if p.account != "" && p.region != "" {
			break
		}
		try(f.name, rank(f) < len(accountFiles))
	}
	if p.account == "" {
		p.account = arns.arnAccounts.winner()
	}
	if p.region == "" {
		p.region = arns.arnRegions.winner()
	}
	if p.account == "" {
		l.note(dir, "no file tells the account; its assets are put under %q", Unknown)
		p.account = Unknown
	}
	if p.region == "" {
		l.note(dir, "no file tells the region; its assets are put under %q", Unknown)
		p.region = Unknown
	}
	return p
}

// tally counts sayings.
type tally map[string]int

func (t *tally) add(s string) {
	if *t == nil {
		*t = tally{}
	}
	(*t)[s]++
}

// winner returns what was said most often, the first by name where two are even; "" if nothing was said.
func (t tally) winner() string {
	best := ""
	for _, s := range slices.Sorted(maps.Keys(t)) {
		if best == "" || t[s] > t[best] {
			best = s
		}
	}
	return best
}

type votes struct{ callers, owners, zones, arnAccounts, arnRegions tally }

func (v *votes) add(o *votes) {
	for s, n := range o.arnAccounts {
		for range n {
			v.arnAccounts.add(s)
		}
	}
	for s, n := range o.arnRegions {
		for range n {
			v.arnRegions.add(s)
		}
	}
}

// vote gathers what the first part of a file says. Broken or missing files say nothing here; reading them tells what is wrong.
func (l *loader) vote(name string, v *votes) {
	f, err := l.fsys.Open(name)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	d := jsontext.NewDecoder(io.LimitReader(f, guessBytes), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	member := ""
	for said := 0; said < guessVotes; {
		tok, err := d.ReadToken()
		if err != nil {
			return
		}
		if tok.Kind() != '"' {
			continue
		}
		s := tok.String()
		if kind, n := d.StackIndex(d.StackDepth()); kind == '{' && n%2 == 1 {
			member = s
			continue
		}
		if v.say(member, s) {
			said++
		}
	}
}

// say notes one string and reports whether it tells anything.
func (v *votes) say(member, s string) bool {
	switch {
	case member == "Account" && isAccount(s):
		v.callers.add(s)
	case member == "OwnerId" && isAccount(s):
		v.owners.add(s)
	case (member == "AvailabilityZone" || member == "ZoneName") && asset.RegionOfZone(s) != "":
		v.zones.add(asset.RegionOfZone(s))
	case member == "RegionName" && isRegion(s):
		v.zones.add(s)
	case strings.HasPrefix(s, "arn:"):
		parts := strings.SplitN(s, ":", 6)
		if len(parts) < 6 {
			return false
		}
		if isRegion(parts[3]) {
			v.arnRegions.add(parts[3])
		}
		if isAccount(parts[4]) {
			v.arnAccounts.add(parts[4])
		}
	default:
		return false
	}
	return true
}
