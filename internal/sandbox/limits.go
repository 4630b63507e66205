package sandbox

import (
	"encoding/json"
	"runtime/debug"
)

// limitsJSON is the payload of kindLimits.
func limitsJSON(l Limits) ([]byte, error) { return json.Marshal(l) }

// The bounds of Go itself that the child keeps: a goroutine's stack grows without a limit of the system's seeing it as such.
const (
	maxStack   = 64 << 20
	maxThreads = 256
)

// tame sets the bounds that Go's runtime keeps itself.
func tame(l Limits) {
	debug.SetMemoryLimit(softMemory(l))
	debug.SetMaxStack(maxStack)
	debug.SetMaxThreads(maxThreads)
}
