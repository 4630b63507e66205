package feed

// PartsOf reads an index, for its fuzz target.
func PartsOf(b []byte, r Remote) ([]Remote, error) {
	if r.Index == AmazonExtras {
		return extras(b, r)
	}
	return months(b, r)
}
