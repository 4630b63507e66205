package scanning

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/run"
	"hinomi/internal/store"
)

// keptFolder holds what scans keep of volumes with baselines.
func (a *Agentless) keptFolder() string { return filepath.Join(a.DataDir, "kept") }

// Baseline is a snapshot that stays as its volume's baseline.
type Baseline struct {
	run.Resource
	SizeGiB   int       `json:"sizeGiB,omitempty"` // of the volume; 0 if it is not known
	ExpiresAt time.Time `json:"expiresAt"`
	// MonthlyUSD is what AWS charges at most: as if every block of the volume were stored. Nil where the region's price is not known.
	MonthlyUSD *float64 `json:"monthlyUSDAtMost"`
}

// snapshotPrices are AWS's prices of a stored gigabyte-month of EBS snapshots in the standard tier, in USD (AWS, "Amazon EBS pricing", 2025).
var snapshotPrices = map[string]float64{"us-east-1": 0.05, "us-east-2": 0.05, "us-west-2": 0.05, "eu-west-1": 0.05, "ap-northeast-1": 0.05}

// Baselines lists the snapshots that stay, the oldest first.
func (a *Agentless) Baselines(ctx context.Context, by auth.Principal) ([]Baseline, error) {
	settings, err := a.ScanSettings(ctx)
	if err != nil {
		return nil, err
	}
	open, err := a.DB.ListOpenResources(ctx)
	if err != nil {
		return nil, err
	}
	var out []Baseline
	for _, r := range slices.DeleteFunc(open, func(r run.Resource) bool { return r.State != run.Kept || !by.Scope.SeesAccount(r.Account) }) {
		b := Baseline{Resource: r, ExpiresAt: r.CreatedAt.Add(time.Duration(settings.BaselineDays) * 24 * time.Hour)}
		v, err := a.DB.Asset(ctx, by.Scope, asset.Ref{Account: r.Account, Region: r.Region, Kind: asset.KindVolume, ID: r.Of})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if vol, ok := v.Asset.(*asset.Volume); ok && err == nil {
			b.SizeGiB = vol.SizeGiB
			if p, ok := snapshotPrices[r.Region]; ok {
				usd := p * float64(vol.SizeGiB)
				b.MonthlyUSD = &usd
			}
		}
		out = append(out, b)
	}
	return out, nil
}
