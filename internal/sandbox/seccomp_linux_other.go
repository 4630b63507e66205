//go:build linux && !amd64 && !arm64

package sandbox

import (
	"fmt"
	"runtime"
)

// seccomp is not to be had: the list of calls is written for amd64 and arm64.
func seccomp() (string, error) {
	return "", fmt.Errorf("%w: no list of system calls for %s", errLacks, runtime.GOARCH)
}
