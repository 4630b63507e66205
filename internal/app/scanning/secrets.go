package scanning

import (
	"context"
	"crypto/sha256"
	"slices"

	"hinomi/internal/asset"
	"hinomi/internal/evaluate/exposed"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/pipeline"
)

// keepSecrets keeps what was found of keys and tokens on an instance's disks as findings of its own: inventories are shared by hosts, secrets are not.
// Where something of the disks could not be read, nothing is closed.
func (a *Agentless) keepSecrets(ctx context.Context, ref asset.Ref, inv *inventory.Inventory) error {
	settings, err := a.ScanSettings(ctx)
	if err != nil || !settings.Secrets {
		return err
	}
	v := pipeline.Verdicts{Types: []finding.Type{finding.ExposedSecret}, Found: exposed.Findings(ref, inv.Secrets), EvidenceAt: inv.ReadAt}
	if slices.Contains(inv.Covered, "/") && len(inv.Gaps) == 0 {
		v.Judged = []asset.Ref{ref}
	}
	_, err = a.Keeper().KeepVerdicts(ctx, v)
	return err
}

// secretSalt makes the fingerprints of tokens this installation's own.
func (a *Agentless) secretSalt(ctx context.Context) ([]byte, error) {
	id, err := a.DB.InstallationID(ctx)
	sum := sha256.Sum256([]byte("fingerprints of tokens\x00" + id))
	return sum[:], err
}
