package app_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"hinomi/internal/app/reading"
	"hinomi/internal/awstest"
)

// moto is the AWS stand-in of all tests of this package.
var moto *awstest.Moto

func TestMain(m *testing.M) {
	if scanChild() {
		return
	}
	if readerChild() {
		return
	}
	os.Exit(awstest.Main(m, &moto))
}

// readerChild reads disks if this process was started for that by a test, or by a child of one, and reports whether it was.
func readerChild() bool {
	if len(os.Args) != 2 || os.Args[1] != reading.Argument {
		return false
	}
	if err := reading.InChild(context.Background(), os.Stdin, os.Stdout, time.Now); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}
