// Command gen-example makes the example that hinomi's demo runs on: the
// organisation (folders of AWS CLI answers), the subset of advisories that
// concern the demo's disk, and the build information of the Go program on it.
// The same input gives the same bytes. It is a tool of the repository, not a
// part of hinomi.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"hinomi/cmd/gen-example/organisation"
	"hinomi/cmd/gen-example/subset"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "gen-example:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("one of -organisation, -feeds (with -disk, -packages and -reference) or -hollow, and -out")

func run(args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("gen-example", flag.ContinueOnError)
	fs.SetOutput(stderr)
	org := fs.Bool("organisation", false, "write the example organisation and disks.json into the folder -out")
	feeds := fs.String("feeds", "", "folder of complete feeds: write the subset for -disk into the folder -out")
	disk := fs.String("disk", "", "folder with the files of the demo's disk, as make-image.sh stages them (with -feeds)")
	packages := fs.String("packages", "", "packages.tsv, the operating system's packages on the disk (with -feeds)")
	reference := fs.String("reference", "", "findings of osv-scanner for a list with those packages (with -feeds)")
	hollow := fs.String("hollow", "", "Go program in ELF: write its headers and build information, without its code, to the file -out")
	out := fs.String("out", "", "where to write")
	if err := fs.Parse(args); err != nil {
		return err
	}
	switch {
	case *out == "":
		return errUsage
	case *org:
		files, err := organisation.Files()
		return writeAll(*out, files, err)
	case *feeds != "" && *disk != "" && *packages != "" && *reference != "":
		files, err := subset.Files(subset.Input{Feeds: *feeds, Disk: *disk, Packages: *packages, Reference: *reference})
		return writeAll(*out, files, err)
	case *hollow != "":
		return hollowFile(*hollow, *out)
	}
	return errUsage
}

// writeAll writes the files below dir unless there was an error.
func writeAll(dir string, files map[string][]byte, err error) error {
	for name, data := range files {
		if err == nil {
			err = writeFile(filepath.Join(dir, filepath.FromSlash(name)), data)
		}
	}
	return err
}

func readFile(name string) ([]byte, error) {
	return os.ReadFile(name) //nolint:gosec // the tool reads what its user names
}

// writeFile writes a file of the repository and makes its folder. Both are for
// everybody to read.
func writeFile(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { //nolint:gosec // see above
		return err
	}
	return os.WriteFile(name, data, 0o644) //nolint:gosec // see above
}
