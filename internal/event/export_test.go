package event

// Calls returns which calls of a service's API are in the table.
func Calls(service string) map[string]bool {
	out := map[string]bool{}
	for name := range services[service].calls {
		out[name] = true
	}
	return out
}

// IsRead reports whether a call's name says that it changes nothing.
var IsRead = isRead

// Known returns what Touched understands: the services' own events by source and detail-type, the services of calls, and Config's types.
func Known() (own, callers, types map[string]bool) {
	own, callers, types = map[string]bool{}, map[string]bool{}, map[string]bool{}
	for k := range notices {
		own[k] = true
	}
	for k := range services {
		callers[k] = true
	}
	for k := range configTypes {
		types[k] = true
	}
	return own, callers, types
}
