package app

import (
	"context"
	"io"

	"hinomi/internal/app/agent"
	"hinomi/internal/app/target"
	"hinomi/internal/app/upkeep"
	"hinomi/internal/inventory"
)

// What is done without an open installation.

// ReadTarget reads the inventory of a target: "/" or a folder, a raw disk image (also gzip), an SBOM or lock file, ebs:snap-….
func ReadTarget(ctx context.Context, cfg Config, name string, o TargetOptions) (*Scanned, error) {
	return target.Read(ctx, cfg, name, o)
}

// MatchTarget judges what ReadTarget read, with the advisories of the configuration.
func MatchTarget(cfg Config, s *Scanned) error { return target.Match(cfg, s) }

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
