package target_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"hinomi/internal/app/reading"
)

// TestMain reads disks where this process was started for that.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == reading.Argument {
		if err := reading.InChild(context.Background(), os.Stdin, os.Stdout, time.Now); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}
