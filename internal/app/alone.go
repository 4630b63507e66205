package app

import (
	"context"
	"io"

	"hinomi/internal/app/agent"
	"hinomi/internal/app/target"
	"hinomi/internal/app/upkeep"
	"hinomi/internal/inventory"
	"hinomi/internal/source/feed"
)

// What is done without an open installation.

// ReadTarget reads the inventory of a target: "/" or a folder, a raw disk image (also gzip), an SBOM or lock file, ebs:snap-….
func ReadTarget(ctx context.Context, cfg Config, name string, o TargetOptions) (*Scanned, error) {
	return target.Read(ctx, cfg, name, o)
}

// MatchTarget judges what ReadTarget read, with the advisories of the configuration.
func MatchTarget(cfg Config, s *Scanned) error { return target.Match(cfg, s) }

// ReadList reads a document that says what is installed; with the name "-" from in. distro, unless it is "", names the system of a list that
// does not name its own. Its errors wrap ErrDistro, ErrFolder and ErrList.
func ReadList(cfg Config, name string, in io.Reader, distro string) (*Scanned, error) {
	return target.ReadList(cfg, name, in, distro)
}

// MatchRows compares the versions that were read with the advisories of the configuration: rows of ecosystem, package, version and advisory as
// tab-separated values, sorted, and in words what could not be judged.
func MatchRows(cfg Config, s *Scanned) (tsv string, missing []string, err error) {
	return target.Rows(cfg, s)
}

// FeedsOf returns the advisory database of a folder of feeds, imported now or kept in the folder cache, and what to call when done with it.
func FeedsOf(ctx context.Context, cfg Config, dir, cache string) (path string, problems []feed.Problem, done func(), err error) {
	return target.Feeds(ctx, cfg, dir, cache)
}

// Errors of reading and matching a list that a caller acts on.
var (
	ErrDistro = target.ErrDistro // a distribution's name that is none, or lacks its release
	ErrFolder = target.ErrFolder // a folder where a file is wanted
	ErrList   = target.ErrList   // a file that is no list of packages
	ErrNoFeed = target.ErrNoFeed // a folder without any feed
)

// CollectHost reads what is installed on this host as an agent does.
func CollectHost(ctx context.Context, cfg Config, o HostOptions) (*inventory.Inventory, error) {
	return agent.CollectHost(ctx, cfg, o)
}

// SendHost hands what was collected to Systems Manager as this instance's custom inventory; what is too large for it goes to the bucket.
func SendHost(ctx context.Context, cfg Config, inv *inventory.Inventory, o HostOptions) error {
	return agent.SendHost(ctx, cfg, inv, o)
}

// WriteHost writes what was collected as JSON.
func WriteHost(w io.Writer, inv *inventory.Inventory) error { return agent.WriteHost(w, inv) }

// Restore puts a backup in the place of the SQLite database. A database that exists is replaced only with force, and is kept beside it.
// Nothing may be running on it.
func Restore(ctx context.Context, cfg Config, backup string, force bool) error {
	return upkeep.Restore(ctx, cfg, backup, force)
}
