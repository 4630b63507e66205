package app_test

import (
	"os"
	"testing"

	"hinomi/internal/awstest"
)

// moto is the AWS stand-in of all tests of this package.
var moto *awstest.Moto

func TestMain(m *testing.M) {
	if scanChild() {
		return
	}
	os.Exit(awstest.Main(m, &moto))
}
