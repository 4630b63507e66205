//go:build unix

package secret

import (
	"fmt"
	"io/fs"
)

func checkMode(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is not a regular file", ErrKey, path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%w: %s has mode %04o, others can use it: chmod 600 it", ErrKey, path, info.Mode().Perm())
	}
	return nil
}
