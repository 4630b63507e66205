package event_test

import (
	"os"
	"testing"

	"hinomi/internal/awstest/model"
	"hinomi/internal/event"
)

// TestCallsOfModel holds the tables against AWS's own models: every call that changes something is listed, with what it changes or without
// effect, and nothing is listed that the API does not have.
func TestCallsOfModel(t *testing.T) {
	lib, err := model.Find(t.Context())
	if err != nil {
		if os.Getenv("HINOMI_TEST_REQUIRE") == "all" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED, botocore's models are not here: %v", err)
	}
	for service, names := range map[string][]string{
		"ec2.amazonaws.com":                  {"ec2"},
		"elasticloadbalancing.amazonaws.com": {"elb", "elbv2"},
	} {
		listed, known := event.Calls(service), map[string]bool{"CreateTags": true, "DeleteTags": true}
		for _, name := range names {
			s, err := lib.Service(name)
			if err != nil {
				t.Fatal(err)
			}
			for op := range s.Operations {
				if event.IsRead(op) {
					continue
				}
				if !listed[op] && !known[op] {
					t.Errorf("%s: %s is neither mapped nor listed as without effect", name, op)
				}
				known[op] = true
			}
		}
		for op := range listed {
			if !known[op] {
				t.Errorf("%s: %s is no call of the API", service, op)
			}
		}
		t.Logf("%s: %d calls listed", service, len(listed))
	}
}
