package screen

// What the tests look at from outside.
var (
	UnsafeRune = unsafeRune
	Wrap       = wrap
	Columns    = columns
)
