package cli

// What the tests of a host's collector look at from outside.
var (
	BeNice      = beNice
	BoundMemory = boundMemory
)
