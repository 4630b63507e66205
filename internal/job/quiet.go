package job

import (
	"context"
	"log/slog"
)

// quiet lets River's warnings and errors through and lowers its chatter to debug.
type quiet struct{ slog.Handler }

// Enabled reports whether a record of River's level would be shown once it is lowered.
func (h quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return h.Handler.Enabled(ctx, lower(l))
}

// Handle writes the record at its lowered level.
func (h quiet) Handle(ctx context.Context, r slog.Record) error {
	r.Level = lower(r.Level)
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps the lowering.
func (h quiet) WithAttrs(a []slog.Attr) slog.Handler { return quiet{h.Handler.WithAttrs(a)} }

// WithGroup keeps the lowering.
func (h quiet) WithGroup(name string) slog.Handler { return quiet{h.Handler.WithGroup(name)} }

func lower(l slog.Level) slog.Level {
	if l == slog.LevelInfo {
		return slog.LevelDebug
	}
	return l
}
