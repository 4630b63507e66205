package ssm_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"

	"hinomi/internal/action/ssm"
	"hinomi/internal/awstest"
	ssmtest "hinomi/internal/awstest/ssm"
	"hinomi/internal/run"
)

const (
	mine   = "installation-1"
	other  = "installation-2"
	region = "eu-west-1"
)

var moto *awstest.Moto

func TestMain(m *testing.M) { os.Exit(awstest.Main(m, &moto)) }

// world is an account with Systems Manager and S3, what is kept, and a clock that only waiting moves.
type world struct {
	t       *testing.T
	aws     *awstest.AWS
	ssm     *ssmtest.Server
	account string
	key     awstest.Key
	now     time.Time
	kept    map[string]run.Resource
	keeps   int
}

func newWorld(t *testing.T, opts ssmtest.Options) *world {
	t.Helper()
	w := &world{t: t, aws: awstest.New(t, moto, awstest.Options{Quiet: true}), now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	opts.Now = func() time.Time { return w.now }
	w.ssm = ssmtest.Serve(t, w.aws, opts)
	w.enter(1)
	return w
}

// enter goes on in the nth account, with nothing kept.
func (w *world) enter(n int) {
	w.account, w.kept = w.aws.Account(n), map[string]run.Resource{}
	w.key = w.aws.AddKey(w.account, "hinomi")
	w.ssm.AddNode(w.account, region, ssmtest.Node{ID: "i-0123456789abcdef0", Ping: "Online", Platform: "Linux", Name: "Debian GNU/Linux", Version: "12"})
	w.ssm.AddNode(w.account, region, ssmtest.Node{ID: "i-0123456789abcdef1", Ping: "Online", Platform: "Windows", Name: "Microsoft Windows Server 2022 Datacenter"})
}

// KeepResource implements ssm.Keeper.
func (w *world) KeepResource(_ context.Context, r run.Resource) error {
	w.keeps++
	w.kept[r.Of] = r
	return nil
}

func (w *world) manager(installation string) *ssm.Manager {
	w.t.Helper()
	cfg := w.aws.Config(region, w.key)
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	m, err := ssm.New(
		awsssm.NewFromConfig(cfg), s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }), w,
		ssm.Clock{Now: func() time.Time { return w.now }, Sleep: func(ctx context.Context, d time.Duration) error { w.now = w.now.Add(d); return ctx.Err() }},
		ssm.Place{Account: w.account, Region: region, Partition: "aws", Connector: "con-1"}, installation,
	)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// bring looks, plans and applies, and returns the plan.
func (w *world) bring(m *ssm.Manager, want ssm.Want) (ssm.Plan, ssm.Result, error) {
	s, err := m.Look(w.t.Context())
	if err != nil {
		return ssm.Plan{}, ssm.Result{}, err
	}
	p, err := m.Plan(s, want)
	if err != nil {
		w.t.Fatal(err)
	}
	res, err := m.Apply(w.t.Context(), p)
	return p, res, err
}

// must is bring where nothing may fail.
func (w *world) must(m *ssm.Manager, want ssm.Want) ssm.Plan {
	w.t.Helper()
	p, _, err := w.bring(m, want)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// lines are a plan's steps that change something, without the marks of an installation.
func lines(p ssm.Plan) []string {
	var out []string
	for _, s := range p.Steps {
		if s.Deed != ssm.Keep {
			name, _, _ := strings.Cut(s.Name, "-do-not-delete")
			if i := strings.LastIndex(name, "-"); i > 0 {
				name = name[:i]
			}
			out = append(out, fmt.Sprintf("%s %s", s.Deed, strings.TrimSuffix(name, "-"+region)))
		}
	}
	return out
}

// there lists what the account has: buckets, syncs, documents and associations.
func (w *world) there() []string {
	var out []string
	client := s3.NewFromConfig(w.aws.Config(region, w.key), func(o *s3.Options) { o.UsePathStyle = true })
	buckets, err := client.ListBuckets(w.t.Context(), &s3.ListBucketsInput{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, b := range buckets.Buckets {
		out = append(out, "bucket "+*b.Name)
	}
	for _, n := range w.ssm.Syncs(w.account, region) {
		out = append(out, "sync "+n)
	}
	for _, n := range w.ssm.Documents(w.account, region) {
		out = append(out, "document "+n)
	}
	for _, a := range w.ssm.Associations(w.account, region) {
		out = append(out, "association "+a.Name+" "+a.Document)
	}
	slices.Sort(out)
	return out
}

func pack(t *testing.T, version string) *ssm.Package {
	t.Helper()
	p, err := ssm.Pack(version,
		ssm.Binary{OS: "linux", Arch: "x86_64", Data: []byte("#!/bin/sh\necho " + version + "\n")}, ssm.Binary{OS: "linux", Arch: "arm64", Data: []byte("arm " + version)},
		ssm.Binary{OS: "windows", Arch: "x86_64", Data: []byte("MZ " + version)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func everything(t *testing.T) ssm.Want {
	return ssm.Want{Inventory: true, DataSync: true, Windows: true, Linux: true, LinuxPaths: []string{"/srv/it's here"}, Package: pack(t, "1.0.0")}
}
