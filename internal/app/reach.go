package app

import (
	"context"
	"fmt"
	"slices"

	"hinomi/internal/auth"
	"hinomi/internal/evaluate/reach"
	"hinomi/internal/source/aws/dump"
)

// Reach judges what the internet reaches in the kept world, as far as a principal sees it.
func (a *App) Reach(ctx context.Context, by auth.Principal) ([]reach.Exposure, error) {
	if !by.May(auth.ReadAssets) {
		return nil, fmt.Errorf("%w: %s may not read assets", ErrForbidden, by.Name)
	}
	world, err := a.core.World(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(reach.FromInternet(world), func(e reach.Exposure) bool { return !by.Scope.SeesAccount(e.Ref().Account) }), nil
}

// ReachDump judges a folder of AWS CLI JSON, without any installation.
func ReachDump(ctx context.Context, dir string) ([]reach.Exposure, error) {
	res, err := dump.Read(ctx, dir, dump.Options{})
	if err != nil {
		return nil, fmt.Errorf("read the dump %s: %w", dir, err)
	}
	return reach.FromInternet(res.Snapshot), nil
}
