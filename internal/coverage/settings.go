package coverage

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Mode says which methods scan an account's instances (botocore inspector2, Ec2ScanMode).
type Mode string

// The modes.
const (
	AgentBased Mode = "EC2_SSM_AGENT_BASED"
	Hybrid     Mode = "EC2_HYBRID" // by agent where Systems Manager manages the instance, else without an agent
)

// ParseMode reads a mode as people write it: agent-based, hybrid, or the API's words.
func ParseMode(s string) (Mode, error) {
	switch strings.ToUpper(strings.ReplaceAll(s, "-", "_")) {
	case "AGENT_BASED", string(AgentBased):
		return AgentBased, nil
	case "HYBRID", string(Hybrid):
		return Hybrid, nil
	}
	return "", fmt.Errorf("scan mode %q is none of agent-based, hybrid", s)
}

// Settings say how instances are scanned. The zero value is not ready: begin with DefaultSettings.
type Settings struct {
	// Modes holds the modes that were set, by place: "" for all, an account, or account/region. The nearest wins.
	Modes map[string]Mode `json:"modes,omitempty"`
	// ExcludeKeys are tag keys: an instance that carries one, whatever its value, is not scanned; nor is, without an agent, a volume whose
	// KMS key carries one.
	ExcludeKeys []string `json:"excludeKeys"`
	// DeepPaths are folders that agents search for language packages beside the default ones, by account, "" for all.
	DeepPaths map[string][]string `json:"deepPaths,omitempty"`
	// PerAccount bounds the agentless scans that run at once in one account.
	PerAccount int `json:"perAccount"`
	// Agents are the parts of scanning with agents that are kept in the accounts whose connectors allow manage-ssm.
	Agents []AgentPart `json:"agents"`
	// BaselineDays is how long the snapshot of a volume may stay as its baseline, in days.
	BaselineDays int `json:"baselineDays"`
	// ScanTag is the key of the tag that holds a scan's ID on its snapshots; run.TagScan if "". SetScanTag changes it.
	ScanTag string `json:"scanTag,omitempty"`
	// FormerScanTags are the keys that it had before: snapshots that carry one may still be there.
	FormerScanTags []string `json:"formerScanTags,omitempty"`
	// Secrets lets scans without an agent look for keys and tokens that lie about, too.
	Secrets bool `json:"secrets,omitempty"`
	// WindowsSchedule is when agents collect on Windows: a cron() or rate() expression of Systems Manager.
	WindowsSchedule string `json:"windowsSchedule"`
	// SyncName names a resource data sync that is there already, in every place where it is to be used; "" is the one that hinomi makes.
	SyncName string `json:"syncName,omitempty"`
	// SyncFrom is with how many managed instances in a region their inventories are read from the data sync's bucket. 1: always.
	SyncFrom int `json:"syncFrom"`
}

// DefaultSyncFrom is one page of managed instances (SSM API reference, DescribeInstanceInformation: MaxResults up to 50). A look at that many
// costs 300 requests of Systems Manager, six each, and four of S3 for any number up to 1,000. Fewer are asked of Systems Manager itself, which
// needs no bucket and knows of a new inventory before the bucket has it.
const DefaultSyncFrom = 50

// DefaultSettings are the model's: the exclusion tag of Amazon Inspector (user guide, "Excluding instances"), Windows every 6 hours ("Windows scans").
func DefaultSettings() Settings {
	return Settings{ExcludeKeys: []string{"InspectorEc2Exclusion"}, PerAccount: 20, BaselineDays: 7, Agents: []AgentPart{AgentInventory}, WindowsSchedule: "rate(6 hours)", SyncFrom: DefaultSyncFrom}
}

// AgentPart is a part of scanning with agents that hinomi makes in an account's Systems Manager.
type AgentPart string

// The parts.
const (
	AgentInventory AgentPart = "inventory" // the agent lists the system's packages
	AgentDeep      AgentPart = "deep"      // hinomi's collector runs on Linux: language packages, too
	AgentWindows   AgentPart = "windows"   // and on Windows
	AgentDataSync  AgentPart = "data-sync" // inventories are written to a bucket of ours
)

// AgentParts lists them.
func AgentParts() []AgentPart {
	return []AgentPart{AgentInventory, AgentDeep, AgentWindows, AgentDataSync}
}

// PathsFor returns the further folders for an account, at most ten: its own, and those of its organisation's account, or where that has none,
// "" without one, those of all.
func (s *Settings) PathsFor(organisation, account string) []string {
	above, ok := s.DeepPaths[organisation]
	if !ok {
		above = s.DeepPaths[""]
	}
	out := slices.Concat(above, s.DeepPaths[account])
	slices.Sort(out)
	return slices.Compact(out)
}

// MaxDeepPaths is how many folders an account, and the organisation, may add (Amazon Inspector user guide, "Deep inspection").
const MaxDeepPaths = 5

// ModeFor returns the mode that was set for an account's region and where it was set; false if nowhere. An organisation's account, "" if
// there is none, decides for its members: what they set themselves does not count.
func (s *Settings) ModeFor(organisation, account, region string) (m Mode, where string, ok bool) {
	if organisation != "" {
		account = organisation
	}
	for _, place := range []string{account + "/" + region, account, ""} {
		if m, ok := s.Modes[place]; ok {
			return m, place, true
		}
	}
	return "", "", false
}

// ErrSettings marks settings that cannot be used as given.
var ErrSettings = errors.New("invalid scan setting")

// ownTags are the keys of other tags that a snapshot of ours carries.
var ownTags = []string{"HinomiInstallation", "HinomiBaseline", "Name"}

// tagKeyPattern is the form of a tag's key that every service takes (EC2 User Guide, "Tag restrictions").
var tagKeyPattern = regexp.MustCompile(`^[\pL\pN_.:/=+@-]([\pL\pN _.:/=+@-]{0,126}[\pL\pN_.:/=+@-])?$`)

// maxFormerTags bounds the keys that are looked for: each costs a request at the end of every scan.
const maxFormerTags = 20

// SetScanTag changes the key of the tag that holds a scan's ID, and keeps the one from before. "" is the one that is used if nobody sets one.
func (s *Settings) SetScanTag(key string) {
	if key == s.ScanTag {
		return
	}
	former := slices.DeleteFunc(append(slices.Clone(s.FormerScanTags), s.ScanTag), func(k string) bool { return k == key || k == "" })
	slices.Sort(former)
	s.ScanTag, s.FormerScanTags = key, slices.Compact(former)
}

func (s *Settings) badScanTag() string {
	switch k := s.ScanTag; {
	case k != "" && (!tagKeyPattern.MatchString(k) || strings.HasPrefix(strings.ToLower(k), "aws:")):
		return fmt.Sprintf("scan tag %q is not a tag's key: 1 to 128 letters, digits, spaces and _.:/=+-@, not beginning with aws:", k)
	case slices.Contains(ownTags, k):
		return fmt.Sprintf("scan tag %q is the key of another tag of a snapshot", k)
	case len(s.FormerScanTags) > maxFormerTags:
		return fmt.Sprintf("the scan tag was changed to more than %d keys", maxFormerTags)
	}
	return ""
}

var schedulePattern = regexp.MustCompile(`^(rate\([1-9][0-9]* (minutes?|hours?|days?)\)|cron\([0-9A-Z*?,/# -]+\))$`)

// syncPattern is Systems Manager's (SSM API reference, ResourceDataSyncName: 1 to 64 characters) without spaces and control characters.
var syncPattern = regexp.MustCompile(`^[!-~]{1,64}$`)

// plainPath reports whether a folder may be handed to a host's shell by way of a document of Systems Manager, which reads {{ as its own.
func plainPath(p string) bool {
	return strings.HasPrefix(p, "/") && len(p) <= 200 && !strings.Contains(p, "..") && !strings.Contains(p, "{{") && !strings.ContainsAny(p, "*?") &&
		!strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError })
}

// Validate checks settings and returns one error that names every fault, wrapping ErrSettings.
func (s *Settings) Validate() error {
	var bad []string
	for _, k := range s.ExcludeKeys {
		if k == "" || len(k) > 128 {
			bad = append(bad, fmt.Sprintf("tag key %q has not 1 to 128 characters", k))
		}
	}
	for place, paths := range s.DeepPaths {
		if len(paths) > MaxDeepPaths {
			bad = append(bad, fmt.Sprintf("%d folders for %s, at most %d", len(paths), cmp.Or(place, "all accounts"), MaxDeepPaths))
		}
		for _, p := range paths {
			if !plainPath(p) {
				bad = append(bad, fmt.Sprintf("folder %q is not a plain absolute path of at most 200 characters", p))
			}
		}
	}
	if s.PerAccount < 1 || s.PerAccount > 1000 {
		bad = append(bad, fmt.Sprintf("%d scans at once in an account, 1 to 1000 are possible", s.PerAccount))
	}
	if s.BaselineDays < 1 || s.BaselineDays > 365 {
		bad = append(bad, fmt.Sprintf("a baseline of %d days, 1 to 365 are possible", s.BaselineDays))
	}
	if fault := s.badScanTag(); fault != "" {
		bad = append(bad, fault)
	}
	for _, p := range s.Agents {
		if !slices.Contains(AgentParts(), p) {
			bad = append(bad, fmt.Sprintf("part %q is none of inventory, deep, windows, data-sync", p))
		}
	}
	if !schedulePattern.MatchString(s.WindowsSchedule) {
		bad = append(bad, fmt.Sprintf("schedule %q is neither rate(N hours) nor cron(...)", s.WindowsSchedule))
	}
	if s.SyncFrom < 1 || s.SyncFrom > 1_000_000 {
		bad = append(bad, fmt.Sprintf("a data sync from %d instances on, 1 to 1000000 are possible", s.SyncFrom))
	}
	if s.SyncName != "" && !syncPattern.MatchString(s.SyncName) {
		bad = append(bad, fmt.Sprintf("%q is no name of a resource data sync: 1 to 64 characters without spaces", s.SyncName))
	}
	if len(bad) > 0 {
		slices.Sort(bad)
		return fmt.Errorf("%w: %s", ErrSettings, strings.Join(bad, "; "))
	}
	return nil
}

// Excluding returns the first of the exclusion keys that a resource's tags carry, "" if none does.
func (s *Settings) Excluding(tags map[string]string) string {
	for _, k := range s.ExcludeKeys {
		if _, ok := tags[k]; ok {
			return k
		}
	}
	return ""
}
