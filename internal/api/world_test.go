package api_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/coverage"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/run"
	"hinomi/internal/snapshot"
	"hinomi/internal/store"
	"hinomi/internal/store/storetest"
)

// snapshotOf returns the part of a world that lies in one account.
func snapshotOf(s *snapshot.Snapshot, account string, at time.Time) *snapshot.Snapshot {
	b := snapshot.NewBuilder()
	region := storetest.RegionName(0)
	for _, k := range []asset.Kind{asset.KindInstance, asset.KindNetworkInterface} {
		n := 0
		for a := range s.Assets(k) {
			if a.Base().Account == account {
				b.Add(a)
				n++
			}
		}
		b.MarkRead(account, region, k, at, n)
	}
	b.AddGap(snapshot.Gap{Scope: snapshot.Scope{Account: account, Region: "xx-lost-1"}, Reason: snapshot.AccessDenied, Detail: "made to fail", At: at})
	return b.Build(at)
}

// judged stores findings, coverage, an inventory and a scan of the first instance of each account.
func (h *house) judged() {
	h.t.Helper()
	ctx := h.t.Context()
	for _, account := range []string{one12, two12} {
		ref := instance(account, 0)
		f := finding.Finding{
			ID: finding.Fingerprint(finding.NetworkReachability, ref, "22"), Type: finding.NetworkReachability, Title: "Port 22 is open to the internet", Severity: finding.High, Score: 7.5,
			Resource: ref, Network: &finding.Network{Protocol: "tcp", FromPort: 22, ToPort: 22, From: "internet", Path: []string{"igw-1", "eni-1"}}, Why: []string{"igw-1 routes to eni-1"},
		}
		_, err := h.db.PutAssessments(ctx, []store.Assessment{{Ref: ref, Types: []finding.Type{finding.NetworkReachability}, ReadAt: h.clock.Now(), Findings: []finding.Finding{f}}})
		ok(h.t, err)
		_, err = h.db.PutCoverage(ctx, []coverage.Coverage{{Resource: ref, Scan: coverage.PackageScan, Status: coverage.Active, Reason: coverage.Successful}})
		ok(h.t, err)
		inv := &inventory.Inventory{
			OS: inventory.OS{ID: "debian", VersionID: "12"}, Method: inventory.Agentless, Covered: []string{"/"}, ReadAt: h.clock.Now(),
			Packages: []inventory.Package{{Ecosystem: inventory.Debian, Name: "bash" + account[:1], Version: "5.2", Location: "/var/lib/dpkg/status", FoundBy: "dpkg"}},
		}
		hash, _, err := h.db.PutInventory(ctx, inv)
		ok(h.t, err)
		_, err = h.db.LinkInventory(ctx, store.InventoryLink{Ref: ref, Hash: hash, Method: inv.Method, ReadAt: inv.ReadAt})
		ok(h.t, err)
		_, err = h.db.CreateScan(ctx, run.Scan{Instance: ref})
		ok(h.t, err)
	}
}

func TestEveryListIsThere(t *testing.T) {
	h := open(t)
	h.world()
	h.judged()
	h.ask(h.admin, "POST", "/api/v1/connectors/one/sync", nil).want(202)
	ref := instance(one12, 0)
	for _, c := range []struct {
		path string
		n    int
	}{
		{"/connectors", 2},
		{"/connectors/one/syncs", 2},
		{"/syncs", 3},
		{"/base-accounts", 0},
		{"/assets", 8},
		{"/assets?kind=instance", 4},
		{"/assets?kind=instance&kind=network-interface&account=" + one12, 4},
		{"/assets?connector=two", 4},
		{"/assets?tag=blue&kind=instance", 2},
		{"/assets?text=WEB-0", 2},
		{"/assets?state=stopped", 0},
		{"/assets?stale=true", 0},
		{"/assets?module=network", 0},
		{"/assets?id=" + ref.ID, 1},
		{"/assets/counts", 2},
		{"/assets/counts?account=" + two12, 2},
		{"/gaps", 2},
		{"/findings", 2},
		{"/findings?severity=HIGH&type=NETWORK_REACHABILITY&asset=" + ref.ID, 1},
		{"/findings?severity=CRITICAL", 0},
		{"/findings?text=igw-1", 2},
		{"/findings/counts", 1},
		{"/coverage", 2},
		{"/coverage?scanType=PACKAGE&scanStatus=ACTIVE&reason=SUCCESSFUL&tag=red", 1},
		{"/coverage/counts", 1},
		{"/scans", 2},
		{"/scans?state=QUEUED&instance=" + ref.ID, 1},
		{"/scans?state=FAILED", 0},
		{"/tag-rules", 0},
		{"/views", 2},
		{"/feeds", 0},
		{"/jobs", 1},
		{"/jobs?kind=sync&state=QUEUED", 1},
		{"/users", 1},
		{"/tokens", 1},
		{"/tokens?user=all", 1},
		{"/audit", 3},
		{assetURL(ref)[len("/api/v1"):] + "/history", 0},
	} {
		var p items[map[string]any]
		r := h.get("/api/v1" + c.path).want(200).into(&p)
		if p.Items == nil || len(p.Items) != c.n || p.Next != "" {
			t.Errorf("%s: got %d items, want %d: %s", c.path, len(p.Items), c.n, r.body)
		}
	}
	var inv struct {
		Hash      string
		Inventory struct{ Packages []struct{ Name string } }
	}
	h.get(assetURL(ref) + "/inventory").want(200).into(&inv)
	if len(inv.Inventory.Packages) != 1 || inv.Inventory.Packages[0].Name != "bash1" || inv.Hash == "" {
		t.Errorf("inventory: %+v", inv)
	}
	var a struct {
		Resource asset.Ref
		Asset    struct{ ID, PrivateIP string }
	}
	h.get(assetURL(ref)).want(200).into(&a)
	if a.Resource != ref || a.Asset.ID != ref.ID {
		t.Errorf("asset: %+v", a)
	}
}

// TestAssetWithASlashInItsID: an ARN is one segment of the path.
func TestAssetWithASlashInItsID(t *testing.T) {
	h := open(t)
	const arn = "arn:aws:elasticloadbalancing:xx-made-1:111111111111:listener/app/web/0123456789abcdef/0123456789abcdef"
	b := snapshot.NewBuilder()
	b.Add(&asset.Listener{Meta: asset.Meta{Account: one12, Region: "xx-made-1", ID: arn}, LoadBalancerARN: "x", Protocol: "HTTPS", Port: 443})
	b.MarkRead(one12, "xx-made-1", asset.KindListener, h.clock.Now(), 1)
	_, err := h.db.ApplySnapshot(t.Context(), "", "", b.Build(h.clock.Now()))
	ok(t, err)
	var a struct{ Asset struct{ ID string } }
	path := "/api/v1/assets/" + one12 + "/xx-made-1/listener/" + url.PathEscape(arn)
	h.get(path).want(200).into(&a)
	if a.Asset.ID != arn {
		t.Errorf("got %+v", a)
	}
	h.get(path + "/history").want(200)
	h.get(path + "/inventory").want(404)
}

func TestPagesByCursor(t *testing.T) {
	h := open(t)
	h.world()
	h.judged()
	for _, path := range []string{"/connectors", "/syncs", "/assets", "/findings", "/coverage", "/scans", "/audit", "/assets?kind=instance"} {
		t.Run(path, func(t *testing.T) {
			var whole, got []string
			collect := func(limit int) (out []string) {
				sep := "?"
				if len(path) > 8 && path[7] == '?' {
					sep = "&"
				}
				for cursor := ""; ; {
					var p items[map[string]any]
					h.get(fmt.Sprintf("/api/v1%s%slimit=%d&cursor=%s", path, sep, limit, cursor)).want(200).into(&p)
					if len(p.Items) > limit {
						t.Fatalf("a page of %d holds %d", limit, len(p.Items))
					}
					for _, i := range p.Items {
						out = append(out, fmt.Sprint(i))
					}
					if cursor = p.Next; cursor == "" {
						return out
					}
				}
			}
			whole, got = collect(1000), collect(1)
			if len(whole) < 2 || fmt.Sprint(whole) != fmt.Sprint(got) {
				t.Errorf("pages of one give %d, one page gives %d", len(got), len(whole))
			}
		})
	}
	for _, path := range []string{"/connectors", "/syncs", "/assets", "/findings", "/coverage", "/scans", "/jobs", "/audit", assetURL(instance(one12, 0))[7:] + "/history"} {
		if p := h.get("/api/v1" + path + "?cursor=%21%21").want(400).problem(); p.Code != "cursor-invalid" {
			t.Errorf("%s: got %+v", path, p)
		}
		h.get("/api/v1" + path + "?limit=1001").want(422)
		h.get("/api/v1" + path + "?limit=0").want(422)
	}
}
