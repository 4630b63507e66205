package awstest

import (
	"testing"

	"hinomi/internal/awstest/motoserver"
)

// Moto is a running moto_server process.
type Moto = motoserver.Server

// StartMoto starts a moto_server on a free port and stops it when the test ends. Each env is NAME=value and comes on top of
// MOTO_EC2_LOAD_DEFAULT_AMIS=false and MOTO_IAM_LOAD_MANAGED_POLICIES=true. Where moto is not installed, the test is skipped, or fails if
// HINOMI_TEST_REQUIRE=all.
func StartMoto(t testing.TB, env ...string) *Moto {
	t.Helper()
	return motoserver.Start(t, env...)
}

// Main runs the tests of a package with one moto_server for all of them, handed over in into, and returns the exit code.
// A test that calls New with it is skipped, or fails, if moto could not be started; see StartMoto.
func Main(m *testing.M, into **Moto, env ...string) (code int) {
	return motoserver.Main(m, into, env...)
}
