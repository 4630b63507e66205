// Package bench measures hinomi beside Trivy: the same disks, the same machine, one run. `make bench` runs it; docs/performance.md says how.
package bench

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Cost is what one run of a program took.
type Cost struct {
	Wall time.Duration
	CPU  time.Duration // user and system, of the program and the children that it waited for
	// Peak is the memory resident at most, in bytes: the sum of what each of its processes had at most, so never less than what all had at a time.
	Peak int64
}

// Run starts a program with nothing but env in its environment, waits, and returns what it wrote to standard output and what it took. An
// error holds what it wrote to standard error; an *exec.ExitError in it, the exit code.
func Run(ctx context.Context, env []string, name string, args ...string) ([]byte, Cost, error) {
	var out, errs bytes.Buffer
	c := exec.CommandContext(ctx, name, args...) //nolint:gosec // G204: the program to be measured
	c.Env, c.Stdout, c.Stderr = append([]string{}, env...), &out, &errs
	start := time.Now() //nolint:forbidigo // measuring is its purpose
	if err := c.Start(); err != nil {
		return nil, Cost{}, fmt.Errorf("start %s: %w", name, err)
	}
	p := watch(c.Process.Pid)
	err := c.Wait()
	cost := Cost{Wall: time.Since(start), CPU: c.ProcessState.UserTime() + c.ProcessState.SystemTime(), Peak: p.stop()}
	if err != nil {
		return out.Bytes(), cost, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, errs.Bytes())
	}
	return out.Bytes(), cost, nil
}

// Median returns the median of each figure by itself.
func Median(costs []Cost) Cost {
	return Cost{
		Wall: middle(costs, func(c Cost) time.Duration { return c.Wall }),
		CPU:  middle(costs, func(c Cost) time.Duration { return c.CPU }),
		Peak: middle(costs, func(c Cost) int64 { return c.Peak }),
	}
}

func middle[T cmp.Ordered](costs []Cost, figure func(Cost) T) T {
	all := make([]T, 0, len(costs))
	for _, c := range costs {
		all = append(all, figure(c))
	}
	if len(all) == 0 {
		var none T
		return none
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// look is how often memory is looked at. The kernel keeps the highest value, so only what a process takes in its last moments can be missed.
const look = 5 * time.Millisecond

// peaks follows the memory of a process and of all below it. The kernel's account of a child that has ended (wait4) is of no use here: it
// counts what the parent held when it forked.
type peaks struct {
	over, done chan struct{}
	once       sync.Once
	most       map[int]int64 // bytes, by process
}

func watch(pid int) *peaks {
	p := &peaks{over: make(chan struct{}), done: make(chan struct{}), most: map[int]int64{}}
	go func() {
		defer close(p.done)
		tick := time.NewTicker(look)
		defer tick.Stop()
		for {
			p.see(pid)
			select {
			case <-p.over:
				return
			case <-tick.C:
			}
		}
	}()
	return p
}

// stop ends the watch and returns the sum.
func (p *peaks) stop() int64 {
	p.once.Do(func() { close(p.over) })
	<-p.done
	sum := int64(0)
	for _, n := range p.most {
		sum += n
	}
	return sum
}

// see looks at a process and at those below it. One that has gone is left as it was.
func (p *peaks) see(pid int) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	if n, err := highWater(dir); err == nil && n > p.most[pid] {
		p.most[pid] = n
	}
	tasks, err := os.ReadDir(filepath.Join(dir, "task"))
	if err != nil {
		return
	}
	for _, t := range tasks {
		text, err := os.ReadFile(filepath.Join(dir, "task", t.Name(), "children")) //nolint:gosec // G304: below /proc
		if err != nil {
			continue
		}
		for _, word := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				p.see(child)
			}
		}
	}
}

var errNoField = errors.New("no VmHWM")

// highWater reads VmHWM, in bytes (proc_pid_status(5)).
func highWater(dir string) (int64, error) {
	text, err := os.ReadFile(filepath.Join(dir, "status")) //nolint:gosec // G304: below /proc
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n << 10, err
		}
	}
	return 0, errNoField
}
