// Package bottlerocket reads the errata of Bottlerocket.
package bottlerocket

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/updateinfo"
)

// Image is the package as which rows name the whole image: their versions are those of the system (os-release, VERSION_ID).
const Image = "bottlerocket"

// Feed reads advisories.bottlerocket.aws/updateinfo.xml.gz, in the form of rpm's errata. Packages are named as in an image's own list
// (application-inventory.json), with their epoch, version and release; each stands there twice, with and without the prefix
// "bottlerocket-". Bottlerocket has no releases apart from the versions of its images.
//
// The first errata, of 2020, name a package too, but give the version of the image that mended it, with the commit that it was built from as
// the release: those rows are about the package Image.
func Feed() form.Feed {
	return form.Feed{
		ID: "bottlerocket", Title: "Bottlerocket errata", Files: []string{"bottlerocket/updateinfo.xml", "bottlerocket/updateinfo.xml.gz"},
		Name: form.Always("bottlerocket"),
		Read: func(ctx context.Context, in *form.Document) error {
			r, err := in.Stream()
			if err != nil {
				return err
			}
			defer func() { _ = r.Close() }() // only read
			return updateinfo.Read(ctx, in, r, advisory.Affected{Ecosystem: "Bottlerocket"}, images)
		},
	}
}

// commit is the release of an image: the start of a commit's hash. A package's release is longer ("1.1749663821.e27d1b03.br1").
var commit = regexp.MustCompile(`^([0-9]+\.[0-9]+\.[0-9]+)-[0-9a-f]{7,8}$`)

// images brings rows with an image's version into one row of the image, and names the packages in the details instead.
func images(a *advisory.Advisory) {
	var names []string
	kept := a.Affected[:0]
	for _, f := range a.Affected {
		events := f.Ranges[0].Events
		g := commit.FindStringSubmatch(events[len(events)-1].Fixed)
		if g == nil {
			kept = append(kept, f)
			continue
		}
		if !slices.Contains(names, f.Package) {
			names = append(names, f.Package)
		}
		f.Package = Image
		events[len(events)-1].Fixed = g[1]
		same := func(k advisory.Affected) bool {
			return k.Package == Image && k.Ranges[0].Events[len(events)-1] == events[len(events)-1]
		}
		if i := slices.IndexFunc(kept, same); i >= 0 {
			for _, arch := range f.Arches {
				if !slices.Contains(kept[i].Arches, arch) {
					kept[i].Arches = append(kept[i].Arches, arch)
				}
			}
			slices.Sort(kept[i].Arches)
			continue
		}
		kept = append(kept, f)
	}
	a.Affected = kept
	if len(names) > 0 {
		a.Details = strings.TrimSpace(a.Details + "\nPackages of the image: " + strings.Join(names, ", "))
	}
}
