// Package feed brings what publishers say of vulnerabilities into a folder (Download), proves that it is whole, and hands it on one
// document at a time (Import), each in the form in which its publisher publishes it.
//
// A feed comes from a folder in a fixed layout with a MANIFEST.json that gives each file's SHA-256 (an air-gapped network carries that
// folder in; Download fills the same layout over HTTP). A new kind of feed is a package below this one with a constructor, one line in
// Feeds and one test; package form says what it is made of.
package feed

import (
	"hinomi/internal/source/feed/almalinux"
	"hinomi/internal/source/feed/alpine"
	"hinomi/internal/source/feed/apple"
	"hinomi/internal/source/feed/bottlerocket"
	"hinomi/internal/source/feed/cve"
	"hinomi/internal/source/feed/debian"
	"hinomi/internal/source/feed/endoflife"
	"hinomi/internal/source/feed/epss"
	"hinomi/internal/source/feed/fedora"
	"hinomi/internal/source/feed/form"
	"hinomi/internal/source/feed/kev"
	"hinomi/internal/source/feed/microsoft"
	"hinomi/internal/source/feed/nvd"
	"hinomi/internal/source/feed/oracle"
	"hinomi/internal/source/feed/osv"
	"hinomi/internal/source/feed/redhat"
	"hinomi/internal/source/feed/rocky"
	"hinomi/internal/source/feed/suse"
	"hinomi/internal/source/feed/ubuntu"
	"hinomi/internal/source/feed/updateinfo"
)

// The words of package form that callers of this one use.
type (
	// Sink takes what the feeds say; store/advisorydb.Builder is one.
	Sink = form.Sink
	// Limits bound what a feed may make us hold or unpack.
	Limits = form.Limits
	// Problem is one document inside a feed that could not be understood.
	Problem = form.Problem
)

// Feeds returns every kind of feed that hinomi reads, in the order in which they are read: where two say the same, the first counts.
func Feeds() []form.Feed {
	return []form.Feed{
		osv.Feed(),
		updateinfo.Feed(),
		bottlerocket.Feed(),
		debian.Tracker(),
		debian.Lists(),
		ubuntu.OSV(),
		ubuntu.VEX(),
		alpine.Feed(),
		redhat.VEX(),
		redhat.Advisories(),
		redhat.Repositories(),
		suse.VEX(),
		suse.Advisories(),
		suse.OSV(),
		oracle.Feed(),
		almalinux.Feed(),
		rocky.Feed(),
		fedora.Feed(),
		microsoft.CVRF(),
		microsoft.CSAF(),
		microsoft.WESNG(),
		apple.SOFA(),
		kev.Feed(),
		epss.Feed(),
		nvd.Feed(),
		cve.Feed(),
		endoflife.API(),
		endoflife.Products(),
	}
}

// find returns the kind of feed that a file belongs to.
func find(file string) (form.Feed, bool) {
	for _, f := range Feeds() {
		if f.Reads(file) {
			return f, true
		}
	}
	return form.Feed{}, false
}
