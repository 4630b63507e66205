// Package awstest is AWS for tests and benches: only they import it. It puts an HTTP server on loopback in front of a real moto_server
// process. What moto does wrong or lacks the server answers itself: trust policies and external IDs, signatures, permissions, paging, dry
// runs, regions that are not opted in, the EBS direct APIs, faults on demand. Everything else it passes through. Every request and every
// answer is held against the service models that AWS publishes with botocore, and a departure fails the test.
//
// One moto process serves a test package; every test has its own server in front of it, with accounts of its own:
//
//	var moto *awstest.Moto
//
//	func TestMain(m *testing.M) { os.Exit(awstest.Main(m, &moto)) }
//
//	func TestSync(t *testing.T) {
//		aws := awstest.New(t, moto, awstest.Options{})
//		base := aws.AddKey(aws.Account(1), "base")
//		aws.AddRole(awstest.Role{Account: aws.Account(2), Name: "hinomi", Trust: []string{aws.Account(1)}, ExternalID: "x-1"})
//		aws.SeedInstances(aws.Account(2), "eu-west-1", 20)
//		cfg := aws.Config("eu-west-1", base) // or AWS_ENDPOINT_URL = aws.URL()
//		…
//		aws.Before("ec2", "DescribeInstances", awstest.InRegion("eu-west-2", awstest.Deny()))
//		aws.Before("ec2", "*", awstest.Times(3, awstest.Throttle()))
//		aws.After("ec2", "DescribeVolumes", awstest.Cut(100))
//		aws.KillAt(7, awstest.BeforeCall, func() { child.Process.Kill() })
//		for _, c := range aws.Calls() { … }
//	}
//
// If moto or botocore is not installed, the test is skipped with that reason, or fails where HINOMI_TEST_REQUIRE=all is set.
//
// Not judged here: the Resource element of policies, and presigned requests' signatures. S3 and other REST-XML services pass
// through to moto without being held against a model.
package awstest
