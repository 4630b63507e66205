package language

import "hinomi/internal/source/extract/kind"

// Extractors lists all of the family.
func Extractors() []kind.File {
	return []kind.File{
		python(),
		conda(),
		node(),
		gem(),
		composer(),
		dotnet(),
	}
}
