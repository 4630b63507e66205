package extract

import (
	"cmp"
	"context"
	"slices"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/jar"
)

// javaArchive reads Java archives and those nested in them. Where an archive is not named by a pom.properties its SHA-1 is taken, by which Maven
// repositories can be asked.
func javaArchive() Extractor {
	return Extractor{
		ID:   "java-archive",
		Exts: jar.Extensions(),
		Read: func(ctx context.Context, f *host.File, out *Output) error {
			found := func(a jar.Found) {
				name := a.Artifact
				if a.Group != "" {
					name = a.Group + ":" + a.Artifact
				}
				out.Add(inventory.Package{
					Ecosystem: inventory.Maven, Name: name, Version: a.Version, Location: host.Path(f.Name), Parent: a.Place, SHA1: a.SHA1,
					PURL: inventory.Maven.PURL(a.Group+":"+a.Artifact, a.Version),
				})
			}
			out.run.jars.Read(ctx, f.Section(), host.Path(f.Name), found, out.Gap)
			return nil
		},
	}
}

// unidentified takes out the archives that say no version of themselves: those of the distribution's own packages are known by these, each
// other one is a gap.
func (r *run) unidentified() {
	r.inv.Packages = slices.DeleteFunc(r.inv.Packages, func(p inventory.Package) bool {
		if p.Version != "" || p.Ecosystem != inventory.Maven {
			return false
		}
		if p.OwnedBy == "" {
			r.gap(cmp.Or(p.Parent, p.Location), p.FoundBy, "the archive does not say its version; SHA-1 "+p.SHA1)
		}
		return true
	})
}
