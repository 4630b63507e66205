//go:build !unix

package secret

import (
	"fmt"
	"io/fs"
)

// checkMode: Windows has no mode bits to look at; the folder's access list must protect the file.
func checkMode(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is not a regular file", ErrKey, path)
	}
	return nil
}
