package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/store"
)

// testCloseFindings leaves one of two assets that share an inventory out, and takes it in again.
func testCloseFindings(t *testing.T, db *Env, clock *Clock) {
	ctx := t.Context()
	refs := fleet(t, db, clock, 2)
	t0 := clock.Now()
	a, b := aFinding("CVE-1", "openssl", dpkg, finding.Critical, 9.8), aFinding("CVE-2", "bash", dpkg, finding.Low, 3.1)
	hash := stored(t, db, anInventory(inventory.Agentless, "/", "openssl", "bash"), t0, true, a, b)
	for _, ref := range refs {
		link(t, db, ref, hash, inventory.Agentless, t0)
	}
	open := finding.Finding{ID: finding.Fingerprint(finding.NetworkReachability, refs[0], "22"), Type: finding.NetworkReachability, Title: "port 22", Severity: finding.High, Resource: refs[0], Why: []string{"hop"}}
	must(db.PutAssessments(ctx, []store.Assessment{{Ref: refs[0], Types: []finding.Type{finding.NetworkReachability}, ReadAt: t0, Findings: []finding.Finding{open}}}))(t)
	one := store.FindingFilter{Assets: []string{refs[0].ID}}

	clock.Add(time.Hour)
	if n := must(db.CloseFindings(ctx, refs[0], []finding.Type{finding.PackageVulnerability}, "excluded by a tag"))(t); n != 2 {
		t.Errorf("closed %d, want 2", n)
	}
	if diff := cmp.Diff([]string{"port 22 ACTIVE"}, listed(t, db, auth.Everything(), one)); diff != "" {
		t.Errorf("open after packages are left out:\n%s", diff)
	}
	if n := must(db.CloseFindings(ctx, refs[0], []finding.Type{finding.PackageVulnerability, finding.NetworkReachability}, "excluded by a tag"))(t); n != 1 {
		t.Errorf("closed %d, want the network's only", n)
	}
	one.Statuses = []finding.Status{finding.Closed}
	list, _, err := db.Findings(ctx, auth.Everything(), one, "", 0)
	ok(t, err)
	for _, f := range list {
		if f.StatusWhy != "excluded by a tag" || !f.ClosedAt.Equal(clock.Now()) || !f.FirstSeen.Equal(t0) {
			t.Errorf("closed finding: %+v", f)
		}
	}
	if len(list) != 3 {
		t.Errorf("%d closed findings, want 3", len(list))
	}
	if got := listed(t, db, auth.Everything(), store.FindingFilter{Assets: []string{refs[1].ID}}); len(got) != 2 {
		t.Errorf("the other asset of the inventory lost findings: %v", got)
	}
	if m := must(db.InventoryMembers(ctx, auth.Everything(), hash))(t); len(m) != 1 || m[0].Ref != refs[1] {
		t.Errorf("members: %+v", m)
	}

	// Taken in again: what its next inventory holds is open, first seen when it was; the rest stays closed.
	next := stored(t, db, anInventory(inventory.Agentless, "/", "openssl"), clock.Add(time.Hour), true, a)
	link(t, db, refs[0], next, inventory.Agentless, clock.Now())
	one.Statuses = allStatuses()
	got := strings.Join(listed(t, db, auth.Everything(), one), ", ")
	if want := "CVE-1 in openssl ACTIVE, port 22 CLOSED, CVE-2 in bash CLOSED"; got != want {
		t.Errorf("after it was taken in again: %s, want %s", got, want)
	}
	list, _, err = db.Findings(ctx, auth.Everything(), store.FindingFilter{Assets: []string{refs[0].ID}}, "", 0)
	ok(t, err)
	if len(list) != 1 || !list[0].FirstSeen.Equal(t0) {
		t.Errorf("first seen: %+v", list)
	}
	if n := must(db.CloseFindings(ctx, asset.Ref{Account: "x", Kind: asset.KindInstance, ID: "i-none"}, []finding.Type{finding.PackageVulnerability}, "w"))(t); n != 0 {
		t.Errorf("closed %d of an unknown asset", n)
	}
}
