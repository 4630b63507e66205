//go:build !unix

package storetest

// servant says that the suite starts PostgreSQL on Unix only.
func servant(string) (func(name string, args ...string) error, error) { return nil, errNoPostgres }
