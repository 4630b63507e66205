package app_test

import (
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hinomi/internal/app"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/awstest"
	"hinomi/internal/connector"
	"hinomi/internal/job"
	"hinomi/internal/run"
	"hinomi/internal/secret"
)

const region = "eu-west-1"

var examples = filepath.Join("..", "..", "examples")

// scanWorld is an account with one instance of two volumes: the example's real disk and one that was never written to. Beside the
// instance lie snapshots that are not this installation's.
type scanWorld struct {
	*awstest.AWS
	account string
	base    awstest.Key
	ref     asset.Ref
	volumes []string
	foreign []string // snapshots that must survive
	dir     string   // an installation that knows all this
}

// newWorld seeds the account and an installation whose connector has read it and may snapshot.
func newWorld(t *testing.T) *scanWorld {
	t.Helper()
	w := &scanWorld{AWS: awstest.New(t, moto, awstest.Options{Quiet: true}), dir: t.TempDir()}
	w.account = w.Account(2)
	w.base = w.AddKey(w.Account(1), "base")
	s := w.SeedInstance(w.account, region, 1)
	w.volumes = s.Volumes
	w.ref = asset.Ref{Account: w.account, Region: region, Kind: asset.KindInstance, ID: s.ID}
	w.AttachImage(s.Volumes[0], unpackExample(t))
	for _, tags := range []url.Values{
		{},
		{"TagSpecification.1.ResourceType": {"snapshot"}, "TagSpecification.1.Tag.1.Key": {run.TagInstallation}, "TagSpecification.1.Tag.1.Value": {"another-installation"}},
	} {
		tags.Set("VolumeId", s.Volumes[0])
		w.EC2(w.account, region, "CreateSnapshot", tags)
	}
	w.foreign = w.left(t)
	(&cloud{AWS: w.AWS}).whatMotoLacks()
	w.install(t)
	return w
}

// install makes the installation: schedules have run, advisories and the account are read.
func (w *scanWorld) install(t *testing.T) {
	t.Helper()
	a := w.open(t, nil)
	if _, err := a.ImportFeeds(t.Context(), auth.System(), filepath.Join(examples, "feeds"), app.FeedOptions{}); err != nil {
		t.Fatal(err)
	}
	w.letSchedulesPass(t, a)
	added, err := a.AddConnector(t.Context(), auth.System(), connector.Connector{
		Name: "shop", Account: w.account, Regions: []string{region}, Enabled: true, Modules: connector.Modules(), Verbs: connector.Verbs(),
		Credentials: connector.Credentials{RoleARN: "arn:aws:iam::" + w.account + ":role/hinomi"},
	}, secret.Text{})
	if err != nil {
		t.Fatal(err)
	}
	w.AddRole(awstest.Role{Account: w.account, Name: "hinomi", Trust: []string{w.Account(1)}, ExternalID: added.Connector.Credentials.ExternalID})
	if s, err := a.SyncNow(t.Context(), auth.System(), "shop"); err != nil {
		t.Fatalf("sync: %+v %v", s, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// letSchedulesPass does what is due at a first start, so that nothing but scans calls AWS later.
func (w *scanWorld) letSchedulesPass(t *testing.T, a *app.App) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	worked := make(chan error, 1)
	go func() { worked <- a.Work(ctx, app.WorkOptions{Poll: 10 * time.Millisecond, Grace: time.Minute}) }()
	for _, kind := range []string{"due", "scans", "sweep", "tidy", "feeds"} {
		eventually(t, "schedule "+kind, func() bool {
			list, _, err := a.Store().Jobs().List(t.Context(), kind, "", "", 10)
			return err == nil && len(list) > 0 && (list[0].State == job.Finished || list[0].State == job.Retrying || list[0].State == job.Failed)
		})
	}
	stop()
	if err := <-worked; err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 3000 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s: not in half a minute", what)
}

// open opens the world's installation; the caller closes it.
func (w *scanWorld) open(t *testing.T, change func(*app.Config)) *app.App {
	t.Helper()
	cfg := order{Dir: w.dir, Endpoint: w.URL(), Key: w.base}.config()
	cfg.Log = slog.New(slog.DiscardHandler)
	if change != nil {
		change(&cfg)
	}
	a, err := app.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// copyTo copies the installation, which nobody has open.
func (w *scanWorld) copyTo(t *testing.T, dir string) {
	t.Helper()
	if err := os.CopyFS(dir, os.DirFS(w.dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "key"), 0o600); err != nil { // CopyFS opens it to all
		t.Fatal(err)
	}
}

// left returns the snapshots in AWS.
func (w *scanWorld) left(t *testing.T) []string {
	t.Helper()
	var ids []string
	if set := w.EC2(w.account, region, "DescribeSnapshots", url.Values{"Owner.1": {"self"}}).Child("snapshotSet"); set != nil {
		for _, n := range set.Children {
			ids = append(ids, n.Path("snapshotId"))
		}
	}
	slices.Sort(ids)
	return ids
}

// unpackExample writes the example's disk to a temporary file and returns its name.
func unpackExample(t *testing.T) string {
	t.Helper()
	in, err := os.Open(filepath.Join(examples, "disk", "shop-web-01.img.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close() //nolint:errcheck // only read
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "disk.img")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, z); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}
