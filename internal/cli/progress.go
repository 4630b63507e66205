package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"hinomi/internal/pipeline"
)

// stages are the words a person sees for the pipeline's stages.
var stages = map[string]string{
	"feeds": "advisories", "read": "reading", "keep": "keeping", "judge": "judging", "scan": "scanning", "files": "files", "match": "matching", "snapshot": "snapshots",
}

// bars shows one progress bar per stage on a terminal, and one line per finished stage elsewhere. It is safe for concurrent use.
type bars struct {
	mu     sync.Mutex
	w      io.Writer
	live   bool
	stage  string
	begun  time.Time
	now    func() time.Time
	bar    *progressbar.ProgressBar
	last   pipeline.Step
	silent bool
}

func (c *command) newBars() *bars {
	return &bars{w: c.errs, live: c.watched(), now: time.Now, silent: c.output != "table" && !c.watched()}
}

// step takes one step of progress.
func (b *bars) step(s pipeline.Step) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.silent || s.Stage == "files" && b.stage == "scan" {
		return // the files of a disk are part of its scan
	}
	if s.Stage != b.stage {
		b.finish()
		b.stage, b.begun, b.last = s.Stage, b.now(), s
		if b.live {
			b.bar = progressbar.NewOptions(total(s), progressbar.OptionSetWriter(b.w), progressbar.OptionSetDescription(fmt.Sprintf("%-11s", stages[s.Stage])),
				progressbar.OptionSetWidth(30), progressbar.OptionThrottle(65*time.Millisecond), progressbar.OptionSetPredictTime(false), progressbar.OptionShowCount(),
				progressbar.OptionSetTheme(progressbar.Theme{Saucer: "━", SaucerHead: "━", SaucerPadding: " ", BarStart: "", BarEnd: ""}))
		}
	}
	b.last = s
	if b.bar != nil {
		if s.Total > 0 {
			b.bar.ChangeMax(s.Total)
		}
		_ = b.bar.Set(s.Done) // what cannot be drawn is not worth an error
	}
}

func total(s pipeline.Step) int {
	if s.Total == 0 {
		return -1
	}
	return s.Total
}

// finish ends the stage that is shown; called with the lock held, or when nothing steps any more.
func (b *bars) finish() {
	if b.stage == "" || b.silent {
		return
	}
	took := b.now().Sub(b.begun).Round(10 * time.Millisecond)
	if b.bar != nil {
		_ = b.bar.Finish() // what cannot be drawn is not worth an error
		fmt.Fprintf(b.w, "  %s\n", took)
		b.bar = nil
	} else {
		fmt.Fprintf(b.w, "%-11s done in %s\n", stages[b.stage], took)
	}
	b.stage = ""
}

// close ends the last stage.
func (b *bars) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finish()
}
