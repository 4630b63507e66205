package scanning

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	snapshots "hinomi/internal/action/ebs"
	"hinomi/internal/app/core"
	"hinomi/internal/app/reading"
	"hinomi/internal/asset"
	"hinomi/internal/auth"
	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
	"hinomi/internal/coverage"
	"hinomi/internal/inventory"
	"hinomi/internal/pipeline"
	"hinomi/internal/run"
	"hinomi/internal/source/aws/live"
	"hinomi/internal/source/disk"
	"hinomi/internal/source/disk/ebs"
	"hinomi/internal/source/disk/ebs/kept"
	"hinomi/internal/store"
)

// capture is one agentless reading of an instance.
type capture struct {
	a       *Agentless
	maker   *snapshots.Maker
	at      snapshots.Place
	session *awsclient.Session
	reader  *awsclient.Session // reads the snapshots: the session, or another account's
	scan    run.Scan

	settings  coverage.Settings
	excluding map[string]string // of a KMS key whose tags were asked for: the one that excludes, "" if none does
	connector connector.Connector
	baseline  bool // it keeps baselines

	instance *asset.Instance
	made     []snapshots.Captured
	detached []string // volumes, since the instance was read
	volumes  []*volumeRead
	notes    []string
	gaps     []inventory.Gap
}

// volumeRead is one snapshot that is read.
type volumeRead struct {
	dev    *ebs.Device
	record *kept.Writer // nil: its pages are not kept
	before *kept.File   // nil: nothing is known of it
}

// errKeyExcluded marks an instance of which nothing may be read, because a tag of the key of its root volume excludes it.
var errKeyExcluded = errors.New("excluded by a tag of its KMS key")

// captureAndRead makes the snapshots and reads the inventory from them.
func (a *Agentless) captureAndRead(ctx context.Context, m *snapshots.Maker, at snapshots.Place, session *awsclient.Session, s run.Scan,
) (inv *inventory.Inventory, name string, cost pipeline.Cost, err error) {
	v, err := a.DB.Asset(ctx, auth.Everything(), s.Instance)
	if err != nil {
		return nil, "", cost, err
	}
	i, ok := v.Asset.(*asset.Instance)
	if !ok {
		return nil, "", cost, fmt.Errorf("%s is not an instance", s.Instance)
	}
	con, err := a.DB.Connector(ctx, auth.Everything(), s.Connector)
	if err != nil {
		return nil, i.Name(), cost, err
	}
	c := &capture{a: a, excluding: map[string]string{}, maker: m, connector: con, at: at, session: session, scan: s, instance: i, baseline: con.KeepBaseline && con.Enabled}
	if c.reader, err = a.readerOf(ctx, &con, session); err != nil {
		return nil, i.Name(), cost, err
	}
	if err := c.leaveOut(ctx); err != nil {
		return nil, i.Name(), cost, err
	}
	inv, err = c.read(ctx)
	for _, v := range c.volumes {
		n := v.dev.Counters()
		cost.Bytes += n.Bytes
		if c.reader != session { // the account's own requests are counted there
			cost.Calls += int(n.Lists + n.Blocks)
		}
	}
	return inv, i.Name(), cost, c.named(err)
}

// makerFor returns a maker with a connector's options, that makes no snapshots of the excluded volumes.
func (a *Agentless) makerFor(ctx context.Context, m *snapshots.Maker, c *connector.Connector, excluded ...string) (*snapshots.Maker, error) {
	settings, err := a.ScanSettings(ctx)
	if err != nil {
		return nil, err
	}
	o := snapshots.Options{
		ScanTag: settings.ScanTag, FormerScanTags: settings.FormerScanTags, Reader: c.ReadBy(), Exclude: excluded,
		Baselines: c.KeepBaseline && c.Enabled && c.May(connector.SnapshotVolumes),
	}
	if o.Baselines {
		o.BaselineLife = time.Duration(settings.BaselineDays) * 24 * time.Hour
	}
	return m.With(o), nil
}

// leaveOut leaves out the volumes whose KMS key carries an exclusion tag. That a key's tags cannot be read is an error: whether its owner
// excludes it is not known.
func (c *capture) leaveOut(ctx context.Context) error {
	var err error
	if c.settings, err = c.a.ScanSettings(ctx); err != nil {
		return err
	}
	var excluded []string
	i := *c.instance
	i.Volumes = nil
	for _, at := range c.instance.Volumes {
		key := ""
		v, err := c.a.DB.Asset(ctx, auth.Everything(), asset.Ref{Account: i.Account, Region: i.Region, Kind: asset.KindVolume, ID: at.VolumeID})
		if err == nil {
			if vol, ok := v.Asset.(*asset.Volume); ok && vol.Encrypted {
				key = vol.KMSKeyID
			}
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		tag, err := c.excludedBy(ctx, key)
		if err != nil {
			return err
		}
		if tag == "" {
			i.Volumes = append(i.Volumes, at)
			continue
		}
		why := fmt.Sprintf("volume %s is encrypted with %s, whose tag %s excludes it", at.VolumeID, key, tag)
		if at.Device == c.instance.RootDeviceName {
			return fmt.Errorf("%w: %s", errKeyExcluded, why)
		}
		excluded = append(excluded, at.VolumeID)
		c.gaps = append(c.gaps, inventory.Gap{Path: "/", FoundBy: "disk", Reason: why})
	}
	c.instance = &i
	c.maker, err = c.a.makerFor(ctx, c.maker, &c.connector, excluded...)
	return err
}

// excludedBy returns the tag of a KMS key that excludes what is encrypted with it, "" if none does. key may be "".
func (c *capture) excludedBy(ctx context.Context, key string) (string, error) {
	if key == "" || len(c.settings.ExcludeKeys) == 0 {
		return "", nil
	}
	if tag, asked := c.excluding[key]; asked {
		return tag, nil
	}
	found, err := live.KeyTags(ctx, c.session, c.at.Region, key)
	if putsOff(c.session, err) != "" || c.session.Classify(err).Class == awsclient.Expired {
		return "", err // it is not the key that refuses
	}
	if err != nil {
		return "", &snapshots.KeyError{Key: key, Permission: "kms:ListResourceTags", Err: err}
	}
	c.excluding[key] = c.settings.Excluding(found)
	return c.excluding[key], nil
}

// read makes the snapshots, reads them, and keeps them as baselines if its connector asks for that.
func (c *capture) read(ctx context.Context) (*inventory.Inventory, error) {
	c.a.Progress(pipeline.Step{Stage: "snapshot", What: c.instance.ID})
	taken := c.a.Now()
	var err error
	if c.made, err = c.maker.Capture(ctx, c.at, c.scan.ID, c.instance); err != nil {
		return nil, err
	}
	if err := c.noteChanged(ctx); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		for _, v := range c.volumes {
			v.close()
		}
	}()
	var disks []reading.Disk
	var devices []reading.Device
	for _, made := range c.made {
		v, err := c.open(ctx, made)
		if err != nil {
			return nil, c.byReader(err)
		}
		c.volumes, devices = append(c.volumes, v), append(devices, v.dev)
		disks = append(disks, reading.Disk{
			Name: made.Device, Label: made.Resource.ID + " of " + made.Resource.Of, Boots: made.Device != "" && made.Device == c.instance.RootDeviceName,
		})
	}
	job := reading.Job{Source: c.scan.ID, Disks: disks, Secrets: c.settings.Secrets}
	if job.Secrets {
		if job.SecretSalt, err = c.a.secretSalt(ctx); err != nil {
			return nil, err
		}
	}
	inv, err := c.a.ReadDisks(ctx, job, devices)
	if errors.Is(err, disk.ErrNoRoot) && len(c.detached) > 0 {
		return nil, fmt.Errorf("%s: %w: %w", strings.Join(c.detached, ", "), errRootGone, err)
	}
	if err != nil {
		return nil, c.byReader(err)
	}
	inv.ReadAt = taken // the evidence is as old as the snapshot
	inv.Gaps = append(inv.Gaps, c.gaps...)
	for _, v := range c.volumes {
		inv.Notes = append(inv.Notes, v.dev.Notes()...)
	}
	inv.Notes = append(inv.Notes, c.notes...)
	inv.Sort()
	if c.baseline {
		c.keep(ctx)
	}
	return inv, nil
}

// noteChanged notes the volumes that were detached, or attached, since the instance was read, and leaves out those among them that are excluded.
// Without the one that it boots from there is nothing to read.
func (c *capture) noteChanged(ctx context.Context) error {
	made := map[string]bool{}
	var kept []snapshots.Captured
	for _, m := range c.made {
		made[m.Resource.Of] = true
		if m.Device == "" {
			c.note("volume %s was attached since the account was read; where is not known", m.Resource.Of)
			tag, err := c.excludedBy(ctx, m.KeyARN)
			if err != nil {
				return err
			}
			if tag != "" {
				why := fmt.Sprintf("volume %s is encrypted with %s, whose tag %s excludes it", m.Resource.Of, m.KeyARN, tag)
				c.gaps = append(c.gaps, inventory.Gap{Path: "/", FoundBy: "disk", Reason: why})
				continue
			}
		}
		kept = append(kept, m)
	}
	c.made = kept
	for _, v := range c.instance.Volumes {
		switch {
		case made[v.VolumeID]:
		case v.Device != "" && v.Device == c.instance.RootDeviceName:
			return fmt.Errorf("%s: %w", v.VolumeID, errRootGone)
		default:
			c.detached = append(c.detached, v.VolumeID)
			c.note("volume %s (%s) is not attached any more, and was not read", v.VolumeID, v.Device)
		}
	}
	return nil
}

// open opens a snapshot: with what an earlier scan of its volume kept, if its baseline still stands.
func (c *capture) open(ctx context.Context, made snapshots.Captured) (*volumeRead, error) {
	v := &volumeRead{}
	o := ebs.Options{Now: c.a.Now, CacheBytes: core.SnapshotCache}
	volume := made.Resource.Of
	if c.baseline {
		o.Baseline = c.known(ctx, v, made)
		w, err := kept.Create(c.a.keptFolder(), kept.Header{Snapshot: made.Resource.ID, Volume: volume, SizeGiB: int64(made.SizeGiB), Made: c.a.Now()}, 0)
		if err != nil {
			c.note("pages of %s are not kept: %v", volume, err)
		}
		v.record, o.Record = w, w
	}
	api := c.reader.EBS(c.at.Region)
	var err error
	v.dev, err = ebs.Open(ctx, api, made.Resource.ID, o)
	if errors.Is(err, ebs.ErrBaseline) {
		c.note("everything of %s is read: %v", volume, err)
		o.Baseline = nil
		v.dev, err = ebs.Open(ctx, api, made.Resource.ID, o)
	}
	if err != nil {
		v.close()
		return nil, err
	}
	return v, nil
}

// known returns what an earlier scan kept of a volume and what changed since; nil, with a note, if everything must be read.
func (c *capture) known(ctx context.Context, v *volumeRead, made snapshots.Captured) *ebs.Baseline {
	f, err := kept.Open(c.a.keptFolder(), made.Resource.Of)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			c.note("everything of %s is read: %v", made.Resource.Of, err)
		}
		return nil
	}
	v.before = f
	changes, err := ebs.Changed(ctx, c.reader.EBS(c.at.Region), f.Header().Snapshot, made.Resource.ID)
	if err != nil {
		c.note("everything of %s is read, its baseline cannot be compared: %s", made.Resource.Of, c.reader.Classify(err))
		return nil
	}
	return &ebs.Baseline{Kept: f, Changes: changes}
}

// keep makes the snapshots their volumes' baselines. What fails costs the next scan time, nothing else.
func (c *capture) keep(ctx context.Context) {
	for n, v := range c.volumes {
		if v.record == nil {
			continue
		}
		v.dev.Record()
		_, err := v.record.Commit()
		v.record = nil
		if err != nil {
			c.a.Log.WarnContext(ctx, "pages not kept for the next scan", slog.String("volume", c.made[n].Resource.Of), slog.Any("err", err))
		}
	}
	open, err := c.a.DB.ListOpenResources(ctx)
	if err == nil {
		_, err = c.maker.Keep(ctx, c.at, c.made, core.ResourcesOf(open, c.scan.Connector))
	}
	if err != nil {
		c.a.Log.WarnContext(ctx, "baselines not as they should be, the sweep goes on", slog.String("scan_id", c.scan.ID), slog.Any("err", err))
	}
}

func (v *volumeRead) close() {
	if v.dev != nil {
		_ = v.dev.Close() // only read
	}
	if v.record != nil {
		_ = v.record.Abort() // it is given up
	}
	if v.before != nil {
		_ = v.before.Close() // only read
	}
}

func (c *capture) note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// named gives the refusal of a key its name.
func (c *capture) named(err error) error {
	if err == nil {
		return nil
	}
	key := ""
	for _, m := range c.made {
		if m.KeyARN != "" {
			key = m.KeyARN
		}
	}
	if k := snapshots.AsKeyError(err, key); k != nil {
		return k
	}
	return err
}
