package form

import "hinomi/internal/advisory"

// RepositorySink takes what a publisher's repositories carry. A Sink that keeps it has this method, too; to others it is not told.
type RepositorySink interface {
	Repository(r advisory.Repository) error
}

// Repository hands on a repository and counts it, if the sink keeps repositories.
func (in *Document) Repository(r advisory.Repository) error {
	s, ok := in.sink.(RepositorySink)
	if !ok {
		return nil
	}
	in.documents++
	in.rows++
	return s.Repository(r)
}
