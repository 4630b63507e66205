package activation_test

import (
	"testing"

	"hinomi/internal/asset"
	"hinomi/internal/connector"
	"hinomi/internal/evaluate/rule/activation"
)

func TestDecide(t *testing.T) {
	both := []connector.Module{connector.Vulnerability, connector.Network}
	for _, c := range []struct {
		name, typ, state string
		byHand           map[connector.Module]bool
		module           connector.Module
		want             bool
		why              string
	}{
		{"by_connector", "m5.large", "running", nil, connector.Vulnerability, true, "activated by its connector"},
		{"stopped_stays", "m5.large", "stopped", nil, connector.Vulnerability, true, "activated by its connector"},
		{"other_module", "m5.large", "running", nil, connector.Configuration, false, "its connector does not activate this module"},
		{"small", "t2.nano", "running", nil, connector.Network, false, "instance type t2.nano is not activated by default"},
		{"small_by_hand", "t2.nano", "running", map[connector.Module]bool{connector.Network: true}, connector.Network, true, "activated by hand"},
		{"off_by_hand", "m5.large", "running", map[connector.Module]bool{connector.Network: false}, connector.Network, false, "deactivated by hand"},
		{"terminated_wins", "m5.large", "terminated", map[connector.Module]bool{connector.Network: true}, connector.Network, false, "instance is terminated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, d := range activation.Decide(activation.DefaultPolicy(), &asset.Instance{Type: c.typ, State: c.state}, both, c.byHand) {
				if d.Module == c.module && (d.Active != c.want || d.Why != c.why) {
					t.Errorf("got %v (%s), want %v (%s)", d.Active, d.Why, c.want, c.why)
				}
			}
		})
	}
	if got := len(activation.Decide(activation.DefaultPolicy(), &asset.Instance{}, nil, nil)); got != len(connector.Modules()) {
		t.Errorf("got %d decisions, want one per module", got)
	}
}
