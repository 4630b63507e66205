package app_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hinomi/internal/app"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/awsclient"
	"hinomi/internal/awstest"
	ssmtest "hinomi/internal/awstest/ssm"
	"hinomi/internal/coverage"
	"hinomi/internal/inventory"
)

// deepHost is a host of Debian with some of the system's packages and one of Python, and the means to collect it.
type deepHost struct {
	*agentCloud
	root string
	cfg  app.Config
	o    app.HostOptions
}

func newDeepHost(t *testing.T) *deepHost {
	t.Helper()
	c := &deepHost{agentCloud: newAgentCloud(t), root: t.TempDir()}
	if err := c.EditScanSettings(t.Context(), auth.System(), func(s *coverage.Settings) error {
		s.Agents = []coverage.AgentPart{coverage.AgentInventory, coverage.AgentDeep}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	c.write("etc/os-release", "ID=debian\nVERSION_ID=12\n")
	c.write("usr/lib/python3/site-packages/Django-3.2.25.dist-info/METADATA", "Metadata-Version: 2.1\nName: Django\nVersion: 3.2.25\n")
	c.system(2)
	key := c.AddKey(c.account, "instance")
	c.cfg = app.Config{Endpoint: c.URL(), Ambient: &awsclient.Key{ID: key.ID, Secret: key.Secret}, Now: c.now, Log: slog.New(slog.DiscardHandler)}
	c.o = app.HostOptions{Root: c.root, Metadata: metadata(t, c.account, region, c.ids[0])}
	return c
}

func (c *deepHost) write(name, text string) {
	c.t.Helper()
	at := filepath.Join(c.root, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// system gives the host n packages of dpkg that do not pack well.
func (c *deepHost) system(n int) {
	var b strings.Builder
	for i := range n {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		fmt.Fprintf(&b, "Package: p%x\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.%d\n\n", sum[:24], binary.BigEndian.Uint64(sum[24:]))
	}
	c.write("var/lib/dpkg/status", b.String())
}

// collect runs the collector and hands over what it found.
func (c *deepHost) collect() *inventory.Inventory {
	c.t.Helper()
	c.tick(time.Minute)
	inv, err := app.CollectHost(c.t.Context(), c.cfg, c.o)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := app.SendHost(c.t.Context(), c.cfg, inv, c.o); err != nil {
		c.t.Fatal(err)
	}
	return inv
}

// looked lets the agent list its packages again, reads, and returns the instance's row and what is known of it.
func (c *deepHost) looked() (coverage.Coverage, *inventory.Inventory) {
	c.t.Helper()
	c.captured(map[string]string{"bash": "5.2.26-6.el10"})
	c.read()
	_, inv, err := c.Store().AssetInventory(c.t.Context(), auth.Everything(), asset.Ref{Account: c.account, Region: region, Kind: asset.KindInstance, ID: c.ids[0]})
	if err != nil {
		c.t.Fatal(err)
	}
	return c.packages(c.ids[0]), inv
}

func (c *deepHost) want(when string, reason coverage.Reason, words string) *inventory.Inventory {
	c.t.Helper()
	r, inv := c.looked()
	if r.Status != coverage.Active || r.Reason != reason || !strings.Contains(r.Detail, words) {
		c.t.Errorf("%s: got %s %s %q, want %s %q", when, r.Status, r.Reason, r.Detail, reason, words)
	}
	return inv
}

func has(inv *inventory.Inventory, name string) bool {
	return slices.ContainsFunc(inv.Packages, func(p inventory.Package) bool { return strings.EqualFold(p.Name, name) })
}

// looksAt reports whether an inventory says that it looked for language packages.
func looksAt(inv *inventory.Inventory) bool {
	return slices.ContainsFunc(inv.Covered, func(p string) bool {
		return p == "/" || strings.HasPrefix(p, "/usr/lib/python") || p == "/usr/lib" || strings.Contains(p, "nowhere")
	})
}

// TestDeepInspection follows an instance on which deep inspection is wanted through every reason why its language packages are not seen.
func TestDeepInspection(t *testing.T) {
	c := newDeepHost(t)
	c.want("before the collector ran", coverage.DeepNoInventory, "has not delivered an inventory")

	c.o.Time = time.Nanosecond
	if inv := c.collect(); has(inv, "Django") || len(inv.Packages) != 2 || looksAt(inv) {
		t.Errorf("without time: %+v", inv)
	}
	if inv := c.want("no time", coverage.DeepTimeLimit, "did not end within 1ns"); len(inv.Packages) != 2 {
		t.Errorf("no time: the system's packages are lost: %+v", inv)
	}
	c.o.Time = 0

	// A bucket that takes nothing and an item too large for Systems Manager: the system's packages alone.
	var list []string
	for i := range 6000 {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		list = append(list, fmt.Sprintf(`{"name": "v/%x", "version": "1.%d"}`, sum[:24], binary.BigEndian.Uint64(sum[24:])))
	}
	c.write("usr/lib/site/vendor/composer/installed.json", `{"packages": [`+strings.Join(list, ",")+`]}`)
	if inv := c.collect(); !has(inv, "Django") || len(inv.Packages) < 6000 {
		t.Fatalf("%d packages were found", len(inv.Packages))
	}
	if inv := c.want("too large", coverage.DeepPackageLimit, "more than can be delivered"); len(inv.Packages) != 2 || looksAt(inv) {
		t.Errorf("too large: %d packages, covered %v", len(inv.Packages), inv.Covered)
	}
	c.system(6000)
	c.collect()
	if inv := c.want("too large even so", coverage.DeepPackageLimit, "more than can be delivered"); !has(inv, "bash") {
		t.Errorf("too large even so: the agent's own list is lost: %d packages", len(inv.Packages))
	}
	c.system(2)
	if err := os.RemoveAll(filepath.Join(c.root, "usr/lib/site")); err != nil {
		t.Fatal(err)
	}

	for code, reason := range map[string]coverage.Reason{"TotalSizeLimitExceededException": coverage.DeepDailyLimit, "ItemSizeLimitExceededException": coverage.DeepPackageLimit} {
		remove := c.Before("ssm", "PutInventory", func(call *awstest.Call) *awstest.Reply {
			if strings.Contains(string(call.Body), "Limit") {
				return nil
			}
			return call.Error(http.StatusBadRequest, code, "The size of inventory data has exceeded the limit.")
		})
		c.collect()
		remove()
		c.want(code, reason, "takes no inventory of 3 packages")
	}
	c.collect()
	if inv := c.want("delivered", coverage.NotFullyAssessed, "changed since the collector ran"); !has(inv, "Django") {
		t.Errorf("delivered: %+v", inv)
	}
	c.tick(8 * 24 * time.Hour)
	c.want("a week without the collector", coverage.DeepNoInventory, "more than 7 days ago")

	if err := c.EditScanSettings(t.Context(), auth.System(), func(s *coverage.Settings) error {
		s.Agents = []coverage.AgentPart{coverage.AgentInventory}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if r, _ := c.looked(); strings.HasPrefix(string(r.Reason), "DEEP_INSPECTION") {
		t.Errorf("deep inspection is off: %+v", r)
	}
}

// TestDebianByAgent judges AWS's own list of a Debian host, which does not name source packages: that is said, and the host is not clean.
func TestDebianByAgent(t *testing.T) {
	c := newAgentCloud(t)
	id := c.ids[1]
	c.ssm.AddNode(c.account, region, ssmtest.Node{ID: id, Ping: "Online", Platform: "Linux", Name: "Debian GNU/Linux", Version: "12", LastPing: c.now(), Agent: "3.3.1", Latest: true})
	c.tick(time.Minute)
	c.ssm.SetInventory(c.account, region, id, "AWS:Application", "1.1", c.now(), []map[string]string{
		{"Name": "libssl3", "Version": "3.0.11-1~deb12u1", "Architecture": "x86_64", "PackageId": "libssl3_3.0.11-1~deb12u1_amd64.deb"},
	})
	c.read()
	if r := c.packages(id); r.Status != coverage.Active || r.Reason != coverage.NotFullyAssessed || !strings.Contains(r.Detail, "from which source packages the 1 packages were built") {
		t.Errorf("got %+v", r)
	}
}
