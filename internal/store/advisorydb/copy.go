package advisorydb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// maxCopy bounds a database that is copied, in bytes: every feed there is makes some gigabytes.
const maxCopy = 64 << 30

// Copy puts a copy of the database at from in the place to, in one step, after reading the whole of it and comparing its SHA-256. accept is
// asked before, and may refuse what the database says of itself; nil accepts everything. If anything fails, or the process dies, what was at to
// stays. The errors wrap os.ErrNotExist, ErrFormat or ErrCorrupt.
func Copy(ctx context.Context, from, to string, now time.Time, accept func(Meta) error) (meta Meta, err error) {
	sweep(filepath.Dir(to), now)
	in, err := os.Open(from) //nolint:gosec // the path is the caller's choice
	if err != nil {
		return Meta{}, fmt.Errorf("copy the advisory database: %w", err)
	}
	defer in.Close() //nolint:errcheck // only read
	if st, err := in.Stat(); err != nil || !st.Mode().IsRegular() || st.Size() > maxCopy {
		return Meta{}, errors.Join(fmt.Errorf("copy the advisory database %s: %w: not a file of a size that one has", from, ErrFormat), err)
	}
	out, err := os.CreateTemp(filepath.Dir(to), ".advisories-copy-*")
	if err != nil {
		return Meta{}, fmt.Errorf("copy the advisory database: %w", err)
	}
	installed := false
	defer func() {
		if !installed {
			err = errors.Join(err, ignoreClosed(out.Close()), os.Remove(out.Name()))
		}
	}()
	if _, err := io.Copy(out, contextReader{ctx, io.LimitReader(in, maxCopy)}); err != nil {
		return Meta{}, fmt.Errorf("copy the advisory database to %s: %w", to, err)
	}
	if err := errors.Join(out.Chmod(0o644), out.Sync(), out.Close()); err != nil {
		return Meta{}, fmt.Errorf("copy the advisory database to %s: %w", to, err)
	}
	if meta, err = inspect(ctx, out.Name()); err != nil {
		return Meta{}, fmt.Errorf("copy the advisory database %s: %w", from, err)
	}
	if accept != nil {
		if err := accept(meta); err != nil {
			return meta, err
		}
	}
	if err := os.Rename(out.Name(), to); err != nil {
		return meta, fmt.Errorf("put the advisory database in its place: %w", err)
	}
	installed = true
	return meta, syncDir(filepath.Dir(to))
}

// inspect reads the whole of a database: what was copied, not what it was copied from, is what will be used.
func inspect(ctx context.Context, path string) (Meta, error) {
	db, err := Open(path)
	if err != nil {
		return Meta{}, err
	}
	err = db.Verify(ctx)
	return db.Meta(), errors.Join(err, db.Close())
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// contextReader ends a long copy when its context ends.
type contextReader struct {
	ctx context.Context //nolint:containedctx // of one copy
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
