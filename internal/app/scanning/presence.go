package scanning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"hinomi/internal/job"
	"hinomi/internal/run"
	"hinomi/internal/store"
)

// A process that does a scan by itself says every few seconds that it is here, as workers say of themselves. Who meets its scan knows by that
// whether it lives.
const (
	hereEvery = 10 * time.Second
	goneAfter = time.Minute // so many words missed that it is dead, or was stopped
)

// presence of the process that does a scan by itself.
type presence int

const (
	ofWorker presence = iota // the scan is a worker's, or has ended
	here
	gone
)

// settingHere names the setting that holds when each process was here last, by its scan and as JSON; the lock beside it is held while it is changed.
func settingHere(account string) (name, lock string) {
	return "scan-here/" + account, "scan-here-lock/" + account
}

// lastHere returns when the processes that scan in an account by themselves were here last.
func (a *Agentless) lastHere(ctx context.Context, account string) (map[string]time.Time, error) {
	last := map[string]time.Time{}
	name, _ := settingHere(account)
	text, err := a.DB.Setting(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return last, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(text), &last); err != nil {
		return nil, fmt.Errorf("read the setting %s: %w", name, err)
	}
	return last, nil
}

// presence returns where the process of a scan is.
func (a *Agentless) presence(ctx context.Context, s run.Scan) (presence, error) {
	last, err := a.lastHere(ctx, s.Instance.Account)
	at, known := last[s.ID]
	switch {
	case err != nil || !known:
		return ofWorker, err
	case a.Now().Sub(at) > goneAfter:
		return gone, nil
	}
	return here, nil
}

// sayHere says that the process of a scan is here, or no more.
func (a *Agentless) sayHere(ctx context.Context, s run.Scan, present bool) error {
	name, lock := settingHere(s.Instance.Account)
	return a.DB.InTx(ctx, func(ctx context.Context) error {
		if err := a.DB.PutSetting(ctx, lock, s.ID); err != nil { // on both databases, to the transaction's end
			return err
		}
		last, err := a.lastHere(ctx, s.Instance.Account)
		if err != nil {
			return err
		}
		for id, at := range last {
			if a.Now().Sub(at) > 2*scanLimit { // its scan was ended long ago
				delete(last, id)
			}
		}
		delete(last, s.ID)
		if present {
			last[s.ID] = a.Now()
		}
		text, err := json.Marshal(last)
		if err != nil {
			return err
		}
		return a.DB.PutSetting(ctx, name, string(text))
	})
}

// stayHere says again and again that this process is here. The function that it returns ends that, and the job behind the scan with it unless
// that is to go on with the scan; it is called when the scan has ended, also where the context has.
func (a *Agentless) stayHere(ctx context.Context, s run.Scan, behind job.Ticket) (leave func(goesOn bool)) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(hereEvery)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				if err := a.sayHere(ctx, s, true); err != nil && ctx.Err() == nil {
					a.Log.WarnContext(ctx, "the process of a scan could not say that it is here", slog.String("scan_id", s.ID), slog.Any("err", err))
				}
			}
		}
	}()
	return func(goesOn bool) {
		stop()
		<-done
		ctx, end := context.WithTimeout(context.WithoutCancel(ctx), ReleaseTime)
		defer end()
		err := a.sayHere(ctx, s, false)
		if !goesOn {
			err = errors.Join(err, a.DB.Jobs().Cancel(ctx, behind.ID))
		}
		if err != nil {
			a.Log.WarnContext(ctx, "the job behind a scan that has ended is still there", slog.String("scan_id", s.ID), slog.Any("err", err))
		}
	}
}
