package app_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hinomi/internal/app"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/awsclient"
	"hinomi/internal/coverage"
)

// metadata is the instance metadata service of one instance, by its second version.
func metadata(t *testing.T, account, region, instance string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
			_, _ = fmt.Fprint(w, "token")
		case r.Header.Get("X-Aws-Ec2-Metadata-Token") != "token":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/latest/dynamic/instance-identity/document":
			_, _ = fmt.Fprintf(w, `{"accountId": %q, "region": %q, "instanceId": %q}`, account, region, instance)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestCollectHost takes a host's inventory as the collector does, hands it to Systems Manager, and judges it from there: beside the system's packages
// it has language packages of the default and the further folders, and of no others.
func TestCollectHost(t *testing.T) {
	c := newAgentCloud(t)
	root := t.TempDir()
	dist := func(dir, name, version string) {
		at := filepath.Join(root, dir, name+"-"+version+".dist-info")
		if err := os.MkdirAll(at, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at, "METADATA"), []byte("Metadata-Version: 2.1\nName: "+name+"\nVersion: "+version+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dist("usr/local/lib/python3.12/site-packages", "Django", "3.2.25")
	dist("srv/app/site-packages", "requests", "2.28.1")
	dist("home/somebody/site-packages", "Pillow", "9.4.0")
	if err := os.MkdirAll(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "etc/os-release"), []byte("ID=almalinux\nVERSION_ID=10.2\nPRETTY_NAME=\"AlmaLinux 10.2\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	key := c.AddKey(c.account, "instance")
	cfg := app.Config{Endpoint: c.URL(), Ambient: &awsclient.Key{ID: key.ID, Secret: key.Secret}, Now: c.now, Log: slog.New(slog.DiscardHandler)}
	o := app.HostOptions{Root: root, Paths: []string{"/srv"}, Metadata: metadata(t, c.account, region, c.ids[0])}
	c.captured(map[string]string{"bash": "5.2.26-6.el10"})
	c.tick(time.Minute)
	inv, err := app.CollectHost(t.Context(), cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := app.SendHost(t.Context(), cfg, inv, o); err != nil {
		t.Fatal(err)
	}
	c.read()
	_, got, err := c.Store().AssetInventory(t.Context(), auth.Everything(), asset.Ref{Account: c.account, Region: region, Kind: asset.KindInstance, ID: c.ids[0]})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range got.Packages {
		names = append(names, p.Name)
	}
	text := strings.ToLower(strings.Join(names, " "))
	if !strings.Contains(text, "django") || !strings.Contains(text, "requests") || strings.Contains(text, "pillow") {
		t.Errorf("packages: %v", names)
	}
	if r := c.packages(c.ids[0]); r.Mode != coverage.ByAgent || r.Status != coverage.Active {
		t.Errorf("coverage: %+v", r)
	}
	o.Metadata = "http://127.0.0.1:1"
	if err := app.SendHost(t.Context(), cfg, inv, o); err == nil || !strings.Contains(err.Error(), "metadata service") {
		t.Errorf("without an instance: %v", err)
	}
}
