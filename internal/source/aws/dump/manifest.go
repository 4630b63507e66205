package dump

import (
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"

	"hinomi/internal/snapshot"
	"hinomi/internal/source/aws/mapping"
)

// ManifestName is the file at the top of a dump in which `hinomi collect` says when and how completely each file was read.
// A folder without it is read as complete, file by file.
const ManifestName = "hinomi-collect.json"

// Manifest is what ManifestName holds.
type Manifest struct {
	Version     int            // 1
	CollectedAt time.Time      // when the collection began
	Parts       []ManifestPart // of every account and region
	Gaps        []snapshot.Gap `json:",omitempty"` // whole accounts and regions that could not be read
}

// ManifestPart is how one file came about.
type ManifestPart struct {
	Account string
	Region  string
	Part    string          // the file's name without .json
	At      time.Time       // when its first page was asked for
	Reason  snapshot.Reason `json:",omitempty"` // why it is not complete; "" if it is
	Detail  string          `json:",omitempty"`
}

const (
	manifestVersion = 1
	maxManifest     = 256 << 20
)

func (l *loader) readManifest() error {
	f, err := l.fsys.Open(ManifestName)
	if err != nil {
		return &Error{File: ManifestName, Err: err}
	}
	defer func() { _ = f.Close() }()
	var m Manifest
	err = json.UnmarshalRead(io.LimitReader(f, maxManifest), &m, json.MatchCaseInsensitiveNames(true))
	switch {
	case err != nil:
		return &Error{File: ManifestName, Err: fmt.Errorf("the collection's own list cannot be read: %w", err)}
	case m.Version != manifestVersion:
		return &Error{File: ManifestName, Err: fmt.Errorf("version %d is not one this hinomi reads (%d)", m.Version, manifestVersion)}
	}
	l.manifest = &m
	return nil
}

// applyManifest notes when each part was read, and what of it is missing and why.
func (l *loader) applyManifest() error {
	if l.manifest == nil {
		return nil
	}
	for _, g := range l.manifest.Gaps {
		l.builder.AddGap(g)
	}
	for _, p := range l.manifest.Parts {
		part := mapping.PartNamed(p.Part)
		if part == nil {
			l.note(ManifestName, "%s is not a file that this version knows", p.Part)
			continue
		}
		r := l.region(place{p.Account, p.Region})
		if p.Reason != "" {
			r.Fail(part, p.At, p.Reason, p.Detail)
		} else {
			r.ReadAt(part, p.At)
		}
	}
	return nil
}
