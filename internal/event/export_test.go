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
