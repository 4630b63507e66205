package bench

// Reason says why hinomi does not list a package that Trivy found at these places; "" if nothing explains it.
func Reason(name string, places []string, ours Packages) string {
	return ""
}
