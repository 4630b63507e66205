//go:build !unix

package cli

// beNice does nothing: on Windows the caller lowers the priority.
func beNice() {}
