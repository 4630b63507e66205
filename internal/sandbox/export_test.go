package sandbox

import (
	"context"
	"io"
)

// Talk runs the parent's side against what a child says.
func Talk(from io.Reader, to io.Writer, limits Limits, job []byte, devices []Device) ([]byte, *Report, error) {
	k := newTalk(from, to, limits.withDefaults(devices), devices, nil)
	out, err := k.run(job)
	k.wait()
	return out, &k.report, err
}

// Unconfined is Child without walls, for what a test gives it in this very process.
func Unconfined(ctx context.Context, in io.Reader, out io.Writer, work Work) error {
	return child(ctx, in, out, work, func(rules) ([]string, []string, error) { return nil, nil, nil })
}

// WithOnly is Child with one layer alone, so that it is seen that this layer holds by itself.
func WithOnly(ctx context.Context, in io.Reader, out io.Writer, work Work, layer string) error {
	return child(ctx, in, out, work, func(rules) ([]string, []string, error) { return onlyLayer(layer) })
}
