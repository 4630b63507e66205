package language

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/kind"
)

// maxDeps bounds one .deps.json, in bytes: that of the SDK is near 1 MB.
const maxDeps = 8 << 20

// dotnet reads the .deps.json beside a .NET program, which lists what was published with it, and those of the shared frameworks of the runtime:
// shared/Microsoft.NETCore.App/8.0.1 and its like (dotnet/sdk, "Runtime Configuration Files"). The frameworks are named as NuGet and the
// advisories for .NET name them: Microsoft.NETCore.App.Runtime.linux-x64.
func dotnet() kind.File {
	return kind.File{
		ID: "dotnet", Exts: []string{".json"},
		Wants: func(e kind.Entry) bool { return strings.HasSuffix(e.Name(), ".deps.json") },
		Read: func(_ context.Context, f *host.File, out kind.Sink) error {
			data, err := f.Bytes(maxDeps)
			if err != nil {
				return err
			}
			var d struct {
				Target struct {
					Name string `json:"name"`
				} `json:"runtimeTarget"`
				Libraries map[string]struct {
					Type string `json:"type"`
				} `json:"libraries"`
			}
			if data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))); len(data) > 0 && data[0] == '[' {
				return nil // WordPress gives this name to a list of scripts
			}
			if err := json.Unmarshal(data, &d); err != nil {
				return fmt.Errorf("read the dependencies: %w", err)
			}
			if d.Libraries == nil {
				return errors.New("no list of libraries")
			}
			framework, version := sharedFramework(f.Name, d.Target.Name)
			for key, library := range d.Libraries {
				name, v, ok := strings.Cut(key, "/")
				name = strings.TrimPrefix(name, "runtimepack.")
				switch {
				case library.Type != "package" && library.Type != "runtimepack":
					continue // a project of the program, or a file that it refers to
				case !ok || name == "" || v == "":
					out.Gap(f.Name, fmt.Sprintf("a library without a name or a version: %.80q", key))
					continue
				case name == framework:
					framework = ""
				}
				addNuGet(f, out, name, v)
			}
			if framework != "" && version != "" {
				addNuGet(f, out, framework, version)
			}
			return nil
		},
	}
}

func addNuGet(f *host.File, out kind.Sink, name, version string) {
	out.Add(inventory.Package{
		Ecosystem: inventory.NuGet, Name: name, Version: version, Location: host.Path(f.Name), PURL: inventory.NuGet.PURL(name, version),
	})
}

// sharedFramework names the framework whose folder a .deps.json lies in, …/shared/NAME/VERSION/NAME.deps.json, for the platform that its target
// says: ".NETCoreApp,Version=v8.0/linux-x64".
func sharedFramework(name, target string) (framework, version string) {
	dir := path.Dir(name)
	parent := path.Dir(dir)
	base := path.Base(parent)
	if path.Base(path.Dir(parent)) != "shared" || path.Base(name) != base+".deps.json" {
		return "", ""
	}
	if version = path.Base(dir); version[0] < '0' || version[0] > '9' {
		return "", ""
	}
	_, platform, ok := strings.Cut(target, "/")
	if !ok || platform == "" {
		return base, version
	}
	return base + ".Runtime." + platform, version
}
