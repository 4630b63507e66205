// Command program is what the Go extractor is tested with: it has a module in it.
package main

import (
	"os"

	"github.com/google/go-cmp/cmp"
)

func main() {
	if !cmp.Equal(os.Args, os.Args) {
		os.Exit(1)
	}
}
