package cli_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"hinomi/internal/cli"
)

// run calls the command line as main does and returns what it wrote and its exit code.
func run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Run(context.Background(), args, strings.NewReader(""), &out, &errs)
	return out.String(), errs.String(), code
}
