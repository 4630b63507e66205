package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"hinomi/internal/app/reading"
	"hinomi/internal/app/target"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/pipeline"
	"hinomi/internal/source/aws/dump"
	"hinomi/internal/source/disk"
	"hinomi/internal/source/feed"
	"hinomi/internal/store"
)

// exampleDisk is one row of the example's disks.json: which instance's volume an image file is.
type exampleDisk struct {
	Image    string `json:"file"`
	Account  string `json:"account"`
	Region   string `json:"region"`
	Instance string `json:"instanceId"`
	Volume   string `json:"volumeId"`
	Device   string `json:"device"`
}

// Demonstrated is the outcome of running the line on the example.
type Demonstrated struct {
	Feeds feed.Report
	// Advisories is how many documents there are to match with.
	Advisories int
	World      Imported
	Disks      []DiskScan
	Findings   []store.FindingCount
	Coverage   []store.CoverageCount
}

// DiskScan is one of the example's disks, scanned.
type DiskScan struct {
	Instance asset.Ref
	Name     string
	Image    string
	OS       string
	Outcome  pipeline.Inspected
	Packages int
}

// Demonstrate runs the whole line on the example organisation: advisories, assets, networks, rules, and the disk of an instance.
func (a *App) Demonstrate(ctx context.Context, dir string) (Demonstrated, error) {
	var out Demonstrated
	var err error
	by := auth.System()
	if out.Feeds, err = a.ImportFeeds(ctx, by, filepath.Join(dir, "feeds"), FeedOptions{}); err != nil {
		return out, err
	}
	db, release, err := a.core.Library.Use()
	if err != nil {
		return out, err
	}
	out.Advisories = db.Meta().Documents
	release()
	if out.World, err = a.ImportDump(ctx, by, filepath.Join(dir, "organisation"), dump.Options{}); err != nil {
		return out, err
	}
	disks, err := exampleDisks(dir)
	if err != nil {
		return out, err
	}
	for i, d := range disks {
		a.core.Progress(pipeline.Step{Stage: "scan", Done: i, Total: len(disks), What: d.Image})
		s, err := a.scanExample(ctx, dir, d)
		if err != nil {
			return out, fmt.Errorf("scan %s: %w", d.Image, err)
		}
		out.Disks = append(out.Disks, s)
	}
	a.core.Progress(pipeline.Step{Stage: "scan", Done: len(disks), Total: len(disks)})
	if out.Findings, err = a.core.DB.CountFindings(ctx, by.Scope, store.FindingFilter{}); err != nil {
		return out, err
	}
	out.Coverage, err = a.core.DB.CountCoverage(ctx, by.Scope, store.CoverageFilter{})
	return out, err
}

func exampleDisks(dir string) ([]exampleDisk, error) {
	b, err := os.ReadFile(filepath.Join(dir, "disks.json")) //nolint:gosec // the folder is the user's own choice
	if err != nil {
		return nil, fmt.Errorf("read the example: %w", err)
	}
	var doc struct {
		Disks []exampleDisk `json:"disks"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("read the example's disks.json: %w", err)
	}
	if len(doc.Disks) == 0 {
		return nil, errors.New("read the example's disks.json: no disk in it")
	}
	return doc.Disks, nil
}

// scanExample reads an image as the snapshot of an instance's volume and puts its inventory through the line.
func (a *App) scanExample(ctx context.Context, dir string, d exampleDisk) (DiskScan, error) {
	ref := asset.Ref{Account: d.Account, Region: d.Region, Kind: asset.KindInstance, ID: d.Instance}
	v, err := a.core.DB.Asset(ctx, auth.Everything(), ref)
	if err != nil {
		return DiskScan{}, fmt.Errorf("instance %s of the example: %w", d.Instance, err)
	}
	path, err := target.Unpack(filepath.Join(dir, filepath.FromSlash(d.Image)))
	if err != nil {
		return DiskScan{}, err
	}
	defer os.Remove(path) //nolint:errcheck // a temporary file
	img, err := disk.OpenImage(path)
	if err != nil {
		return DiskScan{}, err
	}
	defer img.Close() //nolint:errcheck // only read
	inv, err := a.core.ReadDisks(ctx, reading.Job{Source: d.Volume, Disks: []reading.Disk{{Name: d.Device}}}, []reading.Device{img})
	if err != nil {
		return DiskScan{}, err
	}
	out := DiskScan{Instance: ref, Name: v.Base().Name(), Image: d.Image, OS: inv.OS.PrettyName, Packages: len(inv.Packages)}
	out.Outcome, err = a.core.Line().Inspect(ctx, ref, out.Name, inv, pipeline.Cost{Bytes: img.Size()})
	return out, err
}
