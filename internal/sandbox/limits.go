package sandbox

import (
	"encoding/json"
	"runtime/debug"
)

// rules are what the child keeps: the payload of kindLimits.
type rules struct {
	Limits

	Files int // descriptors that it was handed, from firstFile on
}

// firstFile is the first descriptor behind the pipes.
const firstFile = 3

// limitsJSON is the payload of kindLimits.
func limitsJSON(l rules) ([]byte, error) { return json.Marshal(l) }

// The bounds of Go itself that the child keeps: a goroutine's stack grows without a limit of the system's seeing it as such.
const (
	maxStack   = 64 << 20
	maxThreads = 256
)

// tame sets the bounds that Go's runtime keeps itself.
func tame(l rules) {
	debug.SetMemoryLimit(softMemory(l.Limits))
	debug.SetMaxStack(maxStack)
	debug.SetMaxThreads(maxThreads)
}
