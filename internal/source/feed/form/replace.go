package form

import "time"

// Replaced says which documents files of a kind that were read before have told, and of which time: what later files say of them is left
// out unless it is newer.
//
// Publishers with large archives publish beside them what changed since (Feed.Changes); such a file is read first and its documents count in
// place of the archive's, its deletions in place of what was deleted.
type Replaced map[string]time.Time

// replaced reports whether a file of changes has told of a document already. If this is such a file, it notes the document instead.
func (in *Document) replaced(id string, modified time.Time) bool {
	if in.changes {
		in.Deleted(id, modified)
		return false
	}
	t, ok := in.told[id]
	return ok && !modified.After(t)
}

// Deleted says that the publisher took a document back at a time: in a file of changes, what other files say of it is left out unless it is
// newer.
func (in *Document) Deleted(id string, at time.Time) {
	if t, ok := in.told[id]; in.changes && (!ok || at.After(t)) {
		in.told[id] = at
	}
}
