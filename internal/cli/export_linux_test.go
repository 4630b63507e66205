package cli //nolint:testpackage // it gives the tests what lies inside

// What the tests of a host's collector look at from outside.
var (
	BeNice      = beNice
	BoundMemory = boundMemory
)
