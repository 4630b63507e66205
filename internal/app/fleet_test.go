package app_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hinomi/internal/app"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/awstest"
	"hinomi/internal/awstest/model"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/finding"
	"hinomi/internal/inventory"
	"hinomi/internal/run"
	"hinomi/internal/secret"
	"hinomi/internal/store"
	"hinomi/internal/store/storetest"
)

// What a fleet is made of.
const (
	fleetSize    = 1000 // instances, in three accounts
	fleetExposed = 10   // of each account, that the internet reaches
	fleetRead    = 30   // of each account, that were read days ago
	fleetAtOnce  = 2    // scans at once in an account
	fleetJobs    = 2    // jobs at once of a worker
	fleetWorkers = 4
)

// fleet is three accounts, all of whose instances wait for a scan, an installation on PostgreSQL, and what AWS saw of its scans.
type fleet struct {
	*awstest.AWS
	order order
	log   *os.File

	exposed map[string]bool      // instances that the internet reaches
	readAt  map[string]time.Time // instances that were read before, and when

	mu      sync.Mutex
	made    []made                     // every CreateSnapshots, in the order of arrival
	scanOf  map[string]string          // by snapshot
	running map[string]map[string]bool // scans that have snapshots, by account
	most    map[string]int             // that were there at once
	ended   int                        // scans whose snapshots are gone
	held    []string                   // snapshots whose blocks are not given out
	hold    int                        // how many further ones shall be held
}

// made is one call of CreateSnapshots.
type made struct{ account, instance, scan string }

// TestFleet has four workers on PostgreSQL scan a thousand instances of three accounts. One is killed in the middle of a scan and one stopped;
// others take their place. Nothing is scanned twice and nothing left out, the order is kept, and no account has more scans at once than it may.
func TestFleet(t *testing.T) {
	f := newFleet(t)
	began := time.Now()
	victim := f.startHeld(t)
	polite := f.startHeld(t)
	queued := time.Since(began)
	workers := []*exec.Cmd{f.worker(t), f.worker(t)}
	f.until(t, 50)
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := polite.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	f.letGo()
	if err := victim.Wait(); err == nil {
		t.Error("the killed worker ended well")
	}
	if err := polite.Wait(); err != nil {
		t.Errorf("the stopped worker: %v", err)
	}
	for len(workers) < fleetWorkers {
		workers = append(workers, f.worker(t))
	}
	f.until(t, fleetSize+2)
	a := f.open(t)
	if err := untilEnded(t.Context(), a); err != nil {
		t.Error(err)
	}
	took := time.Since(began) - queued
	for _, w := range workers {
		if err := errors.Join(w.Process.Signal(syscall.SIGTERM), w.Wait()); err != nil {
			t.Errorf("a worker: %v", err)
		}
	}
	t.Logf("%d instances queued by one worker after %s, scanned in %s: %.1f a second", fleetSize, queued.Round(time.Millisecond), took.Round(time.Millisecond), fleetSize/took.Seconds())
	f.checkScans(t, a)
	f.checkAWS(t)
	f.checkOrder(t)
	if t.Failed() {
		t.Logf("log:\n%.4000s", textOf(t, f.log))
	}
}

// newFleet seeds all this.
func newFleet(t *testing.T) *fleet {
	t.Helper()
	var cluster storetest.Postgres
	t.Cleanup(func() { cluster.Stop() })
	f := &fleet{
		AWS: awstest.New(t, moto, awstest.Options{Quiet: true}), log: logFile(t), exposed: map[string]bool{}, readAt: map[string]time.Time{},
		scanOf: map[string]string{}, running: map[string]map[string]bool{}, most: map[string]int{},
	}
	f.order = order{Dir: t.TempDir(), Endpoint: f.URL(), Key: f.AddKey(f.Account(1), "base"), Database: cluster.URL(t), Serve: fleetJobs}
	disk := tinyDisk(t)
	(&cloud{AWS: f.AWS}).whatMotoLacks()
	a := f.open(t)
	if _, err := a.ImportFeeds(t.Context(), auth.System(), filepath.Join(examples, "feeds"), app.FeedOptions{}); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		account, size := f.Account(n+2), fleetSize/3
		if n == 0 {
			size = fleetSize - 2*size
		}
		added, err := a.AddConnector(t.Context(), auth.System(), connector.Connector{
			Name: fmt.Sprintf("account-%d", n), Account: account, Regions: []string{region}, Enabled: true,
			Modules: []connector.Module{connector.Vulnerability}, Verbs: []connector.Verb{connector.SnapshotVolumes},
			Credentials: connector.Credentials{RoleARN: roleARN(account, "hinomi")},
		}, secret.Text{})
		if err != nil {
			t.Fatal(err)
		}
		f.AddRole(awstest.Role{Account: account, Name: "hinomi", Trust: []string{f.Account(1)}, ExternalID: added.Connector.Credentials.ExternalID})
		seeded := f.SeedInstances(account, region, size)
		for _, s := range seeded {
			f.AttachImage(s.Volumes[0], disk)
		}
		if s, err := a.SyncNow(t.Context(), auth.System(), added.Connector.Name); err != nil || s.Counts.Instances != size {
			t.Fatalf("sync: %+v %v", s, err)
		}
		f.past(t, a, account, seeded)
	}
	if err := a.EditScanSettings(t.Context(), auth.System(), func(s *coverage.Settings) error {
		s.PerAccount = fleetAtOnce
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	f.watch()
	return f
}

// open opens the fleet's installation in this process.
func (f *fleet) open(t *testing.T) *app.App {
	t.Helper()
	cfg := f.order.config()
	cfg.Log = slog.New(slog.DiscardHandler)
	a, err := app.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// tinyDisk makes a Debian of three packages on a disk of a few MiB.
func tinyDisk(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	status := ""
	for _, name := range []string{"bash", "openssl", "zlib1g"} {
		status += "Package: " + name + "\nStatus: install ok installed\nVersion: 1.2-3\nArchitecture: amd64\nMaintainer: nobody\nDescription: x\n\n"
	}
	for name, text := range map[string]string{
		"etc/os-release": "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n", "etc/passwd": "root:x:0:0::/root:/bin/sh\n", "var/lib/dpkg/status": status,
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return diskOf(t, root, 4)
}

// past gives some instances of an account a way in from the internet, and others an inventory of days ago, the later the older.
func (f *fleet) past(t *testing.T, a *app.App, account string, seeded []awstest.Seeded) {
	t.Helper()
	now := time.Now()
	inv := inventory.Inventory{
		OS: inventory.OS{ID: "debian", VersionID: "12"}, Method: inventory.Agentless, Covered: []string{"/"}, Source: "scan-before", ReadAt: now,
		Packages: []inventory.Package{{Name: "bash", Version: "1.0-1", Arch: "amd64", Ecosystem: "Debian", FoundBy: "dpkg"}},
	}
	hash, _, err := a.Store().PutInventory(t.Context(), &inv)
	if err != nil {
		t.Fatal(err)
	}
	var rows []coverage.Coverage
	for i := range fleetRead {
		id := seeded[3*i].ID
		ref := asset.Ref{Account: account, Region: region, Kind: asset.KindInstance, ID: id}
		at := now.Add(-25*time.Hour - time.Duration(i)*time.Hour)
		f.readAt[id] = at
		if _, err := a.Store().LinkInventory(t.Context(), store.InventoryLink{Ref: ref, Hash: hash, Method: inventory.Agentless, Source: "scan-before", ReadAt: at}); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, coverage.Coverage{
			Resource: ref, Scan: coverage.PackageScan, Status: coverage.Active, Reason: coverage.Successful, Mode: coverage.Agentless, LastScanned: at, InventoryHash: hash,
		})
	}
	if _, err := a.Store().PutCoverage(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	var list []store.Assessment
	for i := range fleetExposed {
		id := seeded[len(seeded)-1-7*i].ID // none of them was read
		if i == 0 {
			id = seeded[3].ID // but for one
		}
		f.exposed[id] = true
		ref := asset.Ref{Account: account, Region: region, Kind: asset.KindInstance, ID: id}
		list = append(list, store.Assessment{Ref: ref, Types: []finding.Type{finding.NetworkReachability}, ReadAt: now, Findings: []finding.Finding{{
			ID: finding.Fingerprint(finding.NetworkReachability, ref, "tcp", "22"), Type: finding.NetworkReachability, Title: "tcp 22 is reachable from the internet",
			Severity: finding.High, Resource: ref, Network: &finding.Network{Protocol: "tcp", FromPort: 22, ToPort: 22, From: "internet"}, Why: []string{"seeded"},
			Status: finding.Active, FirstSeen: now, LastSeen: now,
		}}})
	}
	if _, err := a.Store().PutAssessments(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

// watch follows the scans from AWS's side.
func (f *fleet) watch() {
	f.After("ec2", "CreateSnapshots", awstest.EditXML(func(c *awstest.Call, answer *model.Node) {
		m := made{account: c.Account, instance: c.Param("InstanceSpecification.InstanceId")}
		for n := 1; c.Param(fmt.Sprintf("TagSpecification.1.Tag.%d.Key", n)) != ""; n++ {
			if c.Param(fmt.Sprintf("TagSpecification.1.Tag.%d.Key", n)) == run.TagScan {
				m.scan = c.Param(fmt.Sprintf("TagSpecification.1.Tag.%d.Value", n))
			}
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.made = append(f.made, m)
		for _, s := range answer.Child("snapshotSet").Children {
			f.scanOf[s.Path("snapshotId")] = m.scan
		}
		if f.running[m.account] == nil {
			f.running[m.account] = map[string]bool{}
		}
		f.running[m.account][m.scan] = true
		f.most[m.account] = max(f.most[m.account], len(f.running[m.account]))
	}))
	f.After("ec2", "DeleteSnapshot", func(c *awstest.Call, r *awstest.Reply) *awstest.Reply {
		f.mu.Lock()
		defer f.mu.Unlock()
		if scan := f.scanOf[c.Param("SnapshotId")]; f.running[c.Account][scan] {
			delete(f.running[c.Account], scan)
			f.ended++
		}
		return r
	})
	f.Before("ebs", "GetSnapshotBlock", func(c *awstest.Call) *awstest.Reply {
		if f.holds(c.Param("snapshotId")) {
			<-c.Context().Done()
		}
		return nil
	})
}

// holds says whether a snapshot's blocks are to be held back.
func (f *fleet) holds(snapshot string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hold > 0 && !slices.Contains(f.held, snapshot) {
		f.hold--
		f.held = append(f.held, snapshot)
	}
	return slices.Contains(f.held, snapshot)
}

// letGo holds nothing any more.
func (f *fleet) letGo() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hold = 0
}

// worker starts a worker.
func (f *fleet) worker(t *testing.T) *exec.Cmd {
	t.Helper()
	return f.order.start(t, f.log)
}

// startHeld starts a worker of one job at once and returns when it is in the middle of a scan, where it stays.
func (f *fleet) startHeld(t *testing.T) *exec.Cmd {
	t.Helper()
	f.mu.Lock()
	f.hold = 1
	f.mu.Unlock()
	o := f.order
	o.Serve = 1
	cmd := o.start(t, f.log)
	f.wait(t, "a scan that is held", func() bool { return f.hold == 0 })
	return cmd
}

// until returns when so many scans have no snapshots any more.
func (f *fleet) until(t *testing.T, ended int) {
	t.Helper()
	f.wait(t, fmt.Sprintf("%d scans ended", ended), func() bool { return f.ended >= ended })
}

// wait waits for what must come within some minutes; holds is called under the lock.
func (f *fleet) wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); <-tick.C {
		f.mu.Lock()
		done := holds()
		f.mu.Unlock()
		if done {
			return
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	t.Fatalf("%s: not in five minutes; %d of %d made have ended\n%.4000s", what, f.ended, len(f.made), textOf(t, f.log))
}

// checkScans holds what the installation says: every instance has one finished scan, whose inventory it has, and two have a failed one besides.
func (f *fleet) checkScans(t *testing.T, a *app.App) {
	t.Helper()
	scans := all(t, func(from string) ([]run.Scan, string, error) {
		return a.Store().Scans(t.Context(), auth.Everything(), store.ScanFilter{}, from, 500)
	})
	finished, failed := map[asset.Ref]string{}, map[string]asset.Ref{}
	for _, s := range scans {
		switch {
		case s.State == run.Finished && s.Reason == "" && !s.EndedAt.IsZero() && s.Bytes > 0:
			if finished[s.Instance] != "" {
				t.Errorf("%s was scanned by %s and by %s", s.Instance.ID, finished[s.Instance], s.ID)
			}
			finished[s.Instance] = s.ID
		case s.State == run.Failed && strings.Contains(s.Reason, "the process ended in the middle"):
			failed["killed"] = s.Instance
		case s.State == run.Failed && strings.Contains(s.Reason, "hinomi was stopped in the middle"):
			failed["stopped"] = s.Instance
		default:
			t.Errorf("got scan %+v, want it finished", s)
		}
	}
	if len(finished) != fleetSize || len(scans) != fleetSize+2 || len(failed) != 2 {
		t.Errorf("got %d instances scanned by %d scans, failed %v, want %d by two more and one killed, one stopped", len(finished), len(scans), failed, fleetSize)
	}
	for why, ref := range failed {
		if finished[ref] == "" || !f.exposed[ref.ID] {
			t.Errorf("%s: %s was not scanned again, or was not the first's turn", why, ref.ID)
		}
	}
	links, err := a.Store().CurrentLinks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for ref, scan := range finished {
		if links[ref].Source != scan {
			t.Errorf("%s has the inventory of %q, want that of %s", ref.ID, links[ref].Source, scan)
		}
	}
	open, err := a.Store().ListOpenResources(t.Context())
	if err != nil || len(open) != 0 {
		t.Errorf("got open resources %+v, %v", open, err)
	}
}

// checkAWS holds what AWS saw: one CreateSnapshots for each attempt, nothing left, and no account with more scans at once than it may.
func (f *fleet) checkAWS(t *testing.T) {
	t.Helper()
	scans, attempts := map[string]bool{}, map[string]int{}
	for i, m := range f.made {
		if scans[m.scan] || m.scan == "" {
			t.Errorf("scan %q made snapshots twice", m.scan)
		}
		scans[m.scan] = true
		if attempts[m.instance]++; attempts[m.instance] == 2 && i > fleetSize/2 {
			t.Errorf("%s, which the internet reaches, was scanned again as number %d only", m.instance, i)
		}
	}
	twice := 0
	for id, n := range attempts {
		if n == 2 {
			twice++
		} else if n != 1 {
			t.Errorf("%s was captured %d times", id, n)
		}
	}
	if len(f.made) != fleetSize+2 || twice != 2 || len(attempts) != fleetSize {
		t.Errorf("got %d sets of snapshots of %d instances, %d twice, want %d of %d, 2 twice", len(f.made), len(attempts), twice, fleetSize+2, fleetSize)
	}
	if left := f.Snapshots(); len(left) != 0 {
		t.Errorf("snapshots left: %v", left)
	}
	for account, n := range f.most {
		if n != fleetAtOnce {
			t.Errorf("account %s had up to %d scans at once, want %d", account, n, fleetAtOnce)
		}
	}
}

// checkOrder holds the order in which the scans of each account began: what the internet reaches, what was never read, the longest unread. Scans
// that run at once may change places.
func (f *fleet) checkOrder(t *testing.T) {
	t.Helper()
	began := map[string][]string{}
	seen := map[string]bool{}
	for _, m := range f.made {
		if !seen[m.instance] {
			seen[m.instance] = true
			began[m.account] = append(began[m.account], m.instance)
		}
	}
	class := func(id string) int {
		switch {
		case f.exposed[id]:
			return 1
		case f.readAt[id].IsZero():
			return 2
		default:
			return 3
		}
	}
	const slack = fleetAtOnce
	for account, ids := range began {
		want := slices.Clone(ids)
		slices.SortStableFunc(want, func(x, y string) int {
			if class(x) == 3 && class(y) == 3 {
				return f.readAt[x].Compare(f.readAt[y])
			}
			return class(x) - class(y)
		})
		off := 0
		for i, id := range ids {
			if j := slices.Index(want, id); j-i > slack || i-j > slack {
				if off++; off <= 5 {
					t.Errorf("account %s: %s of class %d, read at %s, was scanned as number %d, want about %d", account, id, class(id), f.readAt[id], i, j)
				}
			}
		}
		if off > 0 {
			t.Errorf("account %s: %d scans out of order", account, off)
		}
	}
}
