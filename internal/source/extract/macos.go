package extract

import (
	"context"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/macos"
)

// macosReceipts reads the receipts of installed packages and Apple's updates.
func macosReceipts() Extractor {
	return Extractor{ID: "macos-receipt", System: func(ctx context.Context, h *host.Host, out *Output) error { return macos.Read(ctx, h, out) }}
}

// macOS identifies macOS; the zero OS if it is another system.
func macOS(h *host.Host, r *run) inventory.OS {
	os, err := macos.Identify(h)
	if err != nil {
		r.gap(macos.Path(), "os", err.Error())
	}
	return os
}
