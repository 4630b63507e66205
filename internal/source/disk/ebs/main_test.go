package ebs_test

import (
	"os"
	"testing"

	"hinomi/internal/awstest"
)

var moto *awstest.Moto

func TestMain(m *testing.M) { os.Exit(awstest.Main(m, &moto)) }
