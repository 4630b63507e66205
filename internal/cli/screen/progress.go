package screen

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

// redraw is the time between two drawings of a stage whose end is not known.
const redraw = 65 * time.Millisecond

// Bars shows one progress bar per stage on a terminal, and one line per finished stage elsewhere. It is safe for concurrent use.
type Bars struct {
	mu     sync.Mutex
	w      io.Writer
	live   bool
	stage  string
	begun  time.Time
	drawn  time.Time
	now    func() time.Time
	bar    *progressbar.ProgressBar // nil elsewhere, and for a stage whose end is not known
	last   pipeline.Step
	silent bool
}

// NewBars makes bars that are drawn on w: live ones, which move, or a line for each stage that is done. Silent ones draw nothing.
func NewBars(w io.Writer, live, silent bool, now func() time.Time) *Bars {
	return &Bars{w: w, live: live, silent: silent, now: now}
}

// Step takes one step of progress.
func (b *Bars) Step(s pipeline.Step) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.silent || s.Stage == "files" && b.stage == "scan" {
		return // the files of a disk are part of its scan
	}
	if s.Stage != b.stage {
		b.finish(nil)
		b.stage, b.begun, b.drawn = s.Stage, b.now(), time.Time{}
		if b.live && s.Total > 0 {
			b.bar = progressbar.NewOptions(s.Total, progressbar.OptionSetWriter(b.w), progressbar.OptionSetDescription(b.label()),
				progressbar.OptionSetWidth(30), progressbar.OptionThrottle(redraw), progressbar.OptionSetPredictTime(false), progressbar.OptionShowCount(),
				progressbar.OptionSetTheme(progressbar.Theme{Saucer: "━", SaucerHead: "━", SaucerPadding: " ", BarStart: "", BarEnd: ""}))
		}
	}
	b.last = s
	switch {
	case b.bar != nil:
		if s.Total > 0 && s.Total != b.bar.GetMax() {
			b.bar.ChangeMax(s.Total)
		}
		_ = b.bar.Set(s.Done) // what cannot be drawn is not worth an error
	case b.live && b.now().Sub(b.drawn) >= redraw:
		b.drawn = b.now()
		fmt.Fprintf(b.w, "\r%s %d", b.label(), s.Done)
	}
}

// label is the stage's name, as wide as the longest.
func (b *Bars) label() string {
	name := stages[b.stage]
	if name == "" {
		name = b.stage
	}
	return fmt.Sprintf("%-11s", name)
}

// finish ends the line of the stage that is shown, with the time it took; of one that failed it says so. It is called with the lock held.
func (b *Bars) finish(fault error) {
	if b.stage == "" || b.silent {
		return
	}
	took := b.now().Sub(b.begun).Round(10 * time.Millisecond)
	end := "done in"
	if fault != nil {
		end = "stopped after"
	}
	switch {
	case b.bar != nil && fault == nil:
		_ = b.bar.Finish() // what cannot be drawn is not worth an error
		fmt.Fprintf(b.w, "  %s\n", took)
	case b.bar != nil:
		fmt.Fprintf(b.w, "  %s %s\n", end, took)
	case b.live && b.last.Done > 0:
		fmt.Fprintf(b.w, "\r%s %d  %s\n", b.label(), b.last.Done, took)
	case b.live:
		fmt.Fprintf(b.w, "\r%s %s %s\n", b.label(), end, took)
	default:
		fmt.Fprintf(b.w, "%s %s %s\n", b.label(), end, took)
	}
	b.stage, b.bar, b.last = "", nil, pipeline.Step{}
}

// Close ends the last stage; fault is what ended the work before its time.
func (b *Bars) Close(fault error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finish(fault)
}
