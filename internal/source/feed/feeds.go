// Package feed reads what publishers say of vulnerabilities, in the form in which they publish it, and hands it on one document at a time.
//
// A feed comes from a folder in a fixed layout with a MANIFEST.json that gives each file's SHA-256 (an air-gapped network carries that
// folder in; Update fills the same layout over HTTP). A new kind of feed is one file here with an unexported constructor, one line in
// feeds and one test.
package feed

import (
	"context"
	"path"
	"strings"

	"hinomi/internal/advisory"
)

// Sink takes what the feeds say; store/advisorydb.Builder is one. An error ends the import.
type Sink interface {
	Advisory(a *advisory.Advisory) error
	CVE(c *advisory.CVE) error
	Lifecycle(l advisory.Lifecycle) error
	Feed(f advisory.Feed) error
}

// Feed is one kind of feed: which files of a folder are its own, and how they are read.
type Feed struct {
	ID    string                                        // short and stable: "osv", "kev"
	Title string                                        // what it is, for people
	files []string                                      // patterns of path.Match, of slash-separated paths inside the folder
	name  func(file string) string                      // the loaded feed's name: "osv/AlmaLinux"
	read  func(ctx context.Context, in *Document) error // hands everything to the document's sink
}

// Feeds returns every kind of feed that hinomi reads, in the order in which they are read: where two say the same, the first counts.
func Feeds() []Feed {
	return []Feed{
		osv(),
		updateinfo(),
		kev(),
		epss(),
		vulnrichment(),
		endOfLifeAPI(),
		endOfLifeProducts(),
	}
}

// find returns the kind of feed that a file belongs to.
func find(file string) (Feed, bool) {
	for _, f := range Feeds() {
		for _, p := range f.files {
			if ok, err := path.Match(p, file); err == nil && ok {
				return f, true
			}
		}
	}
	return Feed{}, false
}

// folderOf returns the name of a file's n-th folder, "" if there is none.
func folderOf(file string, n int) string {
	l := strings.Split(file, "/")
	if n >= len(l)-1 {
		return ""
	}
	return l[n]
}
