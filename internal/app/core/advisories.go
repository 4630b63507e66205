package core

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"hinomi/internal/store/advisorydb"
)

// Library hands out the advisory database and opens a newer one when the file was swapped. Whoever uses it calls the release function.
type Library struct {
	mu   sync.Mutex
	path string
	open *openLibrary
}

// NewLibrary returns the library of a file, which is opened on first use.
func NewLibrary(path string) *Library { return &Library{path: path} }

// openLibrary is a version of the database with those who use it.
type openLibrary struct {
	db    *advisorydb.DB
	info  os.FileInfo
	users int
	old   bool // a newer one is open: the last user closes it
}

// ErrNoAdvisories is returned where no advisories were ever imported: nothing can be assessed then.
var ErrNoAdvisories = errors.New("no advisories have been imported")

// Use returns the current advisory database and what to call when done with it; ErrNoAdvisories if there is none.
func (l *Library) Use() (*advisorydb.DB, func(), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	info, err := os.Stat(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: there is no %s", ErrNoAdvisories, l.path)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open the advisories: %w", err)
	}
	if l.open == nil || !os.SameFile(l.open.info, info) {
		db, err := advisorydb.Open(l.path)
		if err != nil {
			return nil, nil, fmt.Errorf("open the advisories: %w", err)
		}
		l.retire()
		l.open = &openLibrary{db: db, info: info}
	}
	o := l.open
	o.users++
	return o.db, func() { l.done(o) }, nil
}

func (l *Library) done(o *openLibrary) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o.users--
	if o.old && o.users == 0 {
		_ = o.db.Close() // a read-only mapping: nothing can be lost
	}
}

// retire gives the open database up; called with the lock held.
func (l *Library) retire() {
	if l.open == nil {
		return
	}
	l.open.old = true
	if l.open.users == 0 {
		_ = l.open.db.Close() // a read-only mapping: nothing can be lost
	}
	l.open = nil
}

// Close closes the library. Nobody may be using it.
func (l *Library) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retire()
}

// HaveAdvisories returns ErrNoAdvisories if none were ever imported.
func (c *Core) HaveAdvisories() error {
	_, release, err := c.Library.Use()
	if err == nil {
		release()
	}
	return err
}
