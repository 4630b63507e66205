package extract

import "io/fs"

// Dispatch returns what decides, for each file of a walk, which extractor wants it: its ID, or "".
func Dispatch() func(dir, base string, d fs.DirEntry) string {
	x := newIndex(extractors())
	e := &Entry{}
	return func(dir, base string, d fs.DirEntry) string {
		*e = Entry{Dir: dir, Base: base, entry: d}
		if found, _ := x.of(e, func() bool { return false }); found != nil {
			return found.ID
		}
		return ""
	}
}
