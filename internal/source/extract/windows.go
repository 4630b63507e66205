package extract

import (
	"context"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/windows"
)

// windowsRegistry reads the updates and programs of Windows from the hives of its registry.
func windowsRegistry() Extractor {
	return Extractor{ID: "windows-registry", System: func(ctx context.Context, h *host.Host, out *Output) error { return windows.Read(ctx, h, out) }}
}

// windowsOS identifies Windows; the zero OS if it is another system.
func windowsOS(h *host.Host, r *run) inventory.OS {
	os, place, err := windows.Identify(h)
	if err != nil {
		r.gap(place, "os", err.Error())
	}
	return os
}
