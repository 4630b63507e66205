package lockfile

import (
	"bytes"
	"strings"
)

// isRequirements recognises pip's files by name: requirements.txt, requirements-dev.txt, app.requirements.txt.
func isRequirements(base string) bool { return strings.Contains(base, "requirements") }

// requirements reads pip's requirements file (pip.pypa.io, "Requirements File Format"). Only a pinned version says what is installed.
func requirements(b []byte, out *output) error {
	b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\\\n"), []byte(" "))
	for raw := range bytes.Lines(b) {
		line := strings.TrimRight(string(raw), "\n")
		if i := strings.Index(" "+line, " #"); i >= 0 {
			line = line[:max(i-1, 0)]
		}
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			continue
		case strings.HasPrefix(line, "-r") || strings.HasPrefix(line, "--requirement") || strings.HasPrefix(line, "-c") || strings.HasPrefix(line, "-e"):
			out.Unversioned(line, "another file or folder is named, which was not read")
			continue
		case strings.HasPrefix(line, "-"):
			continue
		}
		spec, _, _ := strings.Cut(line, ";")
		spec, _, _ = strings.Cut(spec, " --")
		name, version, ok := strings.Cut(spec, "==")
		name, _, _ = strings.Cut(name, "[")
		name = strings.TrimSpace(name)
		version = strings.TrimSpace(strings.TrimPrefix(version, "="))
		if !ok || name == "" || version == "" || strings.ContainsAny(version, ",*<>!~$ ") || strings.ContainsAny(name, "<>!~@/ \t") {
			out.Unversioned(line, "the version is not pinned")
			continue
		}
		out.python(name, version, false)
	}
	return nil
}
