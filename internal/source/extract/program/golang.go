package program

import (
	"debug/buildinfo"
	"fmt"
	"runtime/debug"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/kind"
)

// readGo reads the build information that Go puts into programs: the modules with their versions, and the release of the standard library.
func readGo(f *host.File, out kind.Sink) error {
	info, err := buildinfo.Read(f)
	if err != nil {
		if strings.Contains(err.Error(), "not a Go executable") || strings.Contains(err.Error(), "unrecognized file format") {
			return nil // the words of debug/buildinfo, which exports no error for it
		}
		return fmt.Errorf("read the build information: %w", err)
	}
	goModules(info, f, out)
	return nil
}

func goModules(info *buildinfo.BuildInfo, f *host.File, out kind.Sink) {
	// "go1.26.3", "go1.22.1 X:boringcrypto", "devel go1.27-0123abc …"
	release, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "devel "), " ")
	if v, ok := strings.CutPrefix(release, "go"); ok {
		addGo(f, out, "stdlib", v)
	} else {
		out.Gap(f.Name, fmt.Sprintf("the Go release %q is unknown", info.GoVersion))
	}
	if info.Main.Path != "" && info.Main.Version != "" && info.Main.Version != "(devel)" {
		addGo(f, out, info.Main.Path, info.Main.Version)
	}
	var unversioned []string
	for _, m := range info.Deps {
		if m == nil {
			continue
		}
		m = replaced(m)
		if m.Version == "" || m.Version == "(devel)" {
			unversioned = append(unversioned, m.Path)
			continue
		}
		addGo(f, out, m.Path, m.Version)
	}
	if len(unversioned) > 0 {
		out.Gap(f.Name, fmt.Sprintf("%d modules were built from folders and have no version: %s", len(unversioned), strings.Join(unversioned, ", ")))
	}
}

func replaced(m *debug.Module) *debug.Module {
	for range 4 { // a replacement is not replaced again (go.mod reference, "replace directive"); a forged file could say so
		if m.Replace == nil {
			break
		}
		m = m.Replace
	}
	return m
}

func addGo(f *host.File, out kind.Sink, module, version string) {
	out.Add(inventory.Package{
		Ecosystem: inventory.Go, Name: module, Version: version, Location: host.Path(f.Name), PURL: inventory.Go.PURL(module, version),
	})
}
