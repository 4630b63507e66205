package extract

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/package-url/packageurl-go"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
)

// minExecutable is below the size of any Go program, in bytes: an empty main of Go 1.26 is over a megabyte.
const minExecutable = 64 << 10

// goBinary reads the build information that Go puts into programs: the modules with their versions, and the release of the standard library.
// A file counts as a program if its mode says that it may be run, or its name ends in .exe.
func goBinary() Extractor {
	return Extractor{
		ID: "go-binary",
		Wants: func(e *Entry) bool {
			ext := e.Ext()
			if notExecutable(ext) {
				return false
			}
			info, ok := e.Info()
			return ok && info.Size() >= minExecutable && (info.Mode()&0o111 != 0 || ext == ".exe")
		},
		Read: func(_ context.Context, f *host.File, out *Output) error {
			is, err := mayBeGo(f)
			if err != nil || !is {
				return err
			}
			info, err := buildinfo.Read(f)
			if err != nil {
				if strings.Contains(err.Error(), "not a Go executable") || strings.Contains(err.Error(), "unrecognized file format") {
					return nil // the words of debug/buildinfo, which exports no error for it
				}
				return fmt.Errorf("read the build information: %w", err)
			}
			goModules(info, f, out)
			return nil
		},
	}
}

// notExecutable lists endings that programs do not have, so that the inodes of such files need not be read.
func notExecutable(ext string) bool {
	switch ext {
	case ".1", ".3", ".8", ".a", ".c", ".cc", ".cfg", ".class", ".cmake", ".conf", ".cpp", ".cs", ".css", ".csv", ".cts", ".db", ".deb", ".desktop", ".dll", ".eot",
		".gif", ".gmo", ".go", ".gz", ".h", ".hpp", ".htm", ".html", ".ico", ".ini", ".iso", ".jar", ".java", ".jpeg", ".jpg", ".js", ".json", ".jsx",
		".ko", ".list", ".lock", ".log", ".lua", ".m4", ".map", ".md", ".md5sums", ".mdx", ".mjs", ".cjs", ".mo", ".mod", ".mts", ".o", ".otf", ".pc", ".pdf", ".ph",
		".php", ".pl", ".plist", ".pm", ".png", ".po", ".pod", ".properties", ".ps", ".pxd", ".py", ".pyc", ".pyi", ".pyo", ".pyx", ".rb", ".rpm", ".rs",
		".rst", ".s", ".sh", ".service", ".sql", ".sum", ".svg", ".t", ".tar", ".tcl", ".tex", ".timer", ".tmpl", ".toml", ".ts", ".tsx", ".ttf", ".txt",
		".wasm", ".webp", ".whl", ".woff", ".woff2", ".xml", ".xpm", ".xsd", ".xz", ".yaml", ".yml", ".zip", ".zst":
		return true
	}
	return false
}

// mayBeGo looks at a program's first bytes and, in ELF, at its section names, so that the programs of C are not searched. An error says that the
// program cannot be judged.
func mayBeGo(f *host.File) (bool, error) {
	var head [64]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return false, fmt.Errorf("read the first bytes: %w", err)
	}
	switch {
	case bytes.HasPrefix(head[:], []byte("\x7fELF")):
		return elfMayBeGo(f, head[:])
	case bytes.HasPrefix(head[:], []byte("MZ")):
		return true, nil
	}
	switch binary.BigEndian.Uint32(head[:]) {
	case 0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe: // Mach-O, <mach-o/loader.h>
		return true, nil
	case 0xcafebabe, 0xcafebabf: // a fat Mach-O, or a Java class: the number of programs in it is small
		return binary.BigEndian.Uint32(head[4:]) < 20, nil
	}
	return false, nil
}

// elfMayBeGo reads the names of the sections (System V ABI, chapter 4): Go's linker makes .go.buildinfo, and -s -w does not take it away.
func elfMayBeGo(f *host.File, head []byte) (bool, error) {
	var order binary.ByteOrder = binary.LittleEndian
	if head[5] == 2 {
		order = binary.BigEndian
	}
	var table, size, count, names int64
	if head[4] == 2 {
		table, size = int64(order.Uint64(head[40:])), int64(order.Uint16(head[58:])) //nolint:gosec // what became negative is refused below
		count, names = int64(order.Uint16(head[60:])), int64(order.Uint16(head[62:]))
	} else {
		table, size = int64(order.Uint32(head[32:])), int64(order.Uint16(head[46:]))
		count, names = int64(order.Uint16(head[48:])), int64(order.Uint16(head[50:]))
	}
	if table == 0 || count == 0 {
		return packedOrStripped(f)
	}
	section := make([]byte, 64)
	if size > 64 || size < 40 || table < 0 || table > f.Size-size*count || names >= count {
		return false, fmt.Errorf("a program that is cut short or damaged: %d sections at %d of %d bytes", count, table, f.Size)
	}
	if _, err := f.ReadAt(section[:size], table+names*size); err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read the sections: %w", err)
	}
	var at, length int64
	if head[4] == 2 {
		at, length = int64(order.Uint64(section[24:])), int64(order.Uint64(section[32:])) //nolint:gosec // as above
	} else {
		at, length = int64(order.Uint32(section[16:])), int64(order.Uint32(section[20:]))
	}
	if at < 0 || length < 0 || at > f.Size || length > min(f.Size-at, 1<<20) {
		return false, fmt.Errorf("a program that is cut short or damaged: %d bytes of section names at %d of %d bytes", length, at, f.Size)
	}
	text := make([]byte, length)
	if _, err := f.ReadAt(text, at); err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read the section names: %w", err)
	}
	return bytes.Contains(text, []byte(".go.buildinfo")), nil
}

// packedOrStripped judges a program without sections: debug/buildinfo searches its data, unless UPX has packed it.
func packedOrStripped(f *host.File) (bool, error) {
	head := make([]byte, 4096)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	if bytes.Contains(head[:n], []byte("UPX!")) {
		return false, errors.New("the program is packed with UPX: what it is made of cannot be seen")
	}
	return true, nil
}

func goModules(info *buildinfo.BuildInfo, f *host.File, out *Output) {
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

func addGo(f *host.File, out *Output, module, version string) {
	namespace, name := "", module
	if i := strings.LastIndexByte(module, '/'); i >= 0 {
		namespace, name = module[:i], module[i+1:]
	}
	out.Add(inventory.Package{
		Ecosystem: inventory.Go, Name: module, Version: version, Location: host.Path(f.Name),
		PURL: languagePURL(packageurl.TypeGolang, namespace, name, version),
	})
}
