// Package program reads what compilers have written into executable files: what they were built from.
package program

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/kind"
)

// Extractors lists the family: each program is opened once, whatever it was written in.
func Extractors() []kind.File { return []kind.File{binaries()} }

// The names by which a package says how it was found.
const (
	goID   = "go-binary"
	rustID = "rust-binary"
)

// minExecutable is below the size of any Go or Rust program, in bytes: an empty main of Go 1.26 is over a megabyte, one of Rust near 400 KB.
const minExecutable = 64 << 10

// binaries reads what programs say of themselves. A file counts as a program if its mode says that it may be run, or its name ends in .exe.
func binaries() kind.File {
	return kind.File{
		ID: goID,
		Wants: func(e kind.Entry) bool {
			ext := e.Ext()
			if notExecutable(ext) {
				return false
			}
			may, size, ok := e.Executable()
			return ok && size >= minExecutable && (may || ext == ".exe")
		},
		Read: func(_ context.Context, f *host.File, out kind.Sink) error {
			p, err := look(f)
			if err != nil {
				return err
			}
			var rust error
			if p.crates != nil {
				rust = readRust(p.crates, f, out)
			}
			if p.mayBeGo {
				err = readGo(f, out)
			}
			return errors.Join(err, rust)
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

// traits are what the beginning of a program and its section names promise.
type traits struct {
	mayBeGo bool
	crates  *section // nil: no crates are listed
}

// section is a part of the file.
type section struct{ at, size int64 }

// look judges a program by its first bytes and, in ELF, by its section names, so that the programs of C are not searched. An error says that
// the program cannot be judged.
func look(f *host.File) (traits, error) {
	var head [64]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return traits{}, fmt.Errorf("read the first bytes: %w", err)
	}
	switch {
	case bytes.HasPrefix(head[:], []byte("\x7fELF")):
		return lookELF(f, head[:])
	case bytes.HasPrefix(head[:], []byte("MZ")):
		crates, err := peSection(f)
		return traits{true, crates}, err
	}
	switch binary.BigEndian.Uint32(head[:]) {
	case 0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe: // Mach-O, <mach-o/loader.h>
		return traits{true, machoSection(f)}, nil
	case 0xcafebabe, 0xcafebabf: // a fat Mach-O, or a Java class: the number of programs in it is small
		return traits{mayBeGo: binary.BigEndian.Uint32(head[4:]) < 20}, nil
	}
	return traits{}, nil
}
