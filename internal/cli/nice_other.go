//go:build !unix

package cli

// beNice does nothing: on Windows the caller lowers the priority.
func beNice() {}

// boundMemory does nothing here: Go's own limit holds.
func boundMemory(uint64) {}
