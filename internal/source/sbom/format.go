package sbom

import (
	"bytes"
	"strings"

	"hinomi/internal/inventory/lockfile/jsontree"
)

// format is one kind of document.
type format struct {
	id    string
	match func(h *head) bool // by file name and first bytes
	read  func(b []byte, d *document) error
}

// head is what is looked at to tell what a document is.
type head struct {
	base string
	b    []byte
	line string          // the first line that is neither empty nor a comment
	keys map[string]bool // of a JSON object, up to the place where it breaks
}

func look(base string, b []byte) *head {
	h := &head{base: base, b: bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), keys: map[string]bool{}}
	h.line = firstLine(h.b)
	if strings.HasPrefix(h.line, "{") {
		_ = jsontree.Members(h.b, func(key string, _ []byte) error { // the reader of the format says where it breaks
			h.keys[key] = true
			return nil
		})
	}
	return h
}

// firstLine returns the first line that is neither empty nor a comment.
func firstLine(b []byte) string {
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' {
			return string(line[:min(len(line), 4096)])
		}
		b = rest
	}
	return ""
}

// formats lists every kind, the more particular first.
func formats() []format {
	list := []format{
		{"cyclonedx", func(h *head) bool { return h.keys["bomFormat"] }, cycloneJSON},
		{"cyclonedx", isCycloneXML, cycloneXML},
		{"spdx", func(h *head) bool { return h.keys["spdxVersion"] }, spdxJSON},
		{"spdx", func(h *head) bool { return strings.HasPrefix(h.line, "SPDXVersion:") }, spdxTags},
		{"spdx", func(h *head) bool { return h.keys["@graph"] }, spdx3},
		{"osv-scanner", func(h *head) bool { return h.keys["results"] || strings.HasSuffix(h.base, ".osv-scanner.json") }, osvScanner},
	}
	list = append(list, lockFiles()...)
	return append(
		list,
		format{"purl", func(h *head) bool { return strings.HasPrefix(h.line, "pkg:") }, purlList},
		format{"dpkg", func(h *head) bool { return strings.HasPrefix(h.line, "Package: ") }, dpkgStatus},
		format{"rpm", isRPMList, rpmList},
	)
}
