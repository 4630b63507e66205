package job_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"hinomi/internal/job"
	"hinomi/internal/store"
)

// childEnv makes the test binary a worker that is killed: it holds the database's URL.
const childEnv = "HINOMI_TEST_JOB_URL"

// child works on a database until it is killed; it says when a job has begun, and never ends one. It reports whether it was to do that.
func child() bool {
	url := os.Getenv(childEnv)
	if url == "" {
		return false
	}
	ctx := context.Background()
	db, err := store.Open(ctx, url, store.Options{Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return true
	}
	_, err = db.Jobs().Work(ctx, quick(map[string]job.Handler{"scan": func(ctx context.Context, j *job.Job) error {
		if err := j.Progress(ctx, job.Progress{Stage: "half", Done: 1, Total: 2}); err != nil {
			return err
		}
		fmt.Println("begun")
		<-ctx.Done()
		return ctx.Err()
	}}))
	if err != nil {
		fmt.Println(err)
		return true
	}
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // never comes
	return true
}

// killMidJob starts a worker process, waits until it has begun the job, and kills it with SIGKILL.
func killMidJob(t *testing.T, url string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+url)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close() //nolint:errcheck // of a killed process
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "begun\n" {
		t.Fatalf("child: %q %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}

// TestKilled kills workers in mid-job: another one does the job again until it may be tried no more, and nothing is lost.
func TestKilled(t *testing.T) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqliteURL}, {"postgres", cluster.URL}} {
		t.Run(kind.name, func(t *testing.T) {
			url := kind.url(t)
			db := open(t, url)
			q := db.Jobs()
			id := enqueue(t, db, job.Spec{Kind: "scan", Key: "i-1", MaxAttempts: 2})
			killMidJob(t, url)
			if r := until(t, q, id, job.Running); r.Progress.Stage != "half" {
				t.Errorf("after the kill: %+v", r)
			}
			if tk, err := db.Enqueue(t.Context(), job.Spec{Kind: "scan", Key: "i-1"}); err != nil || !tk.Existing {
				t.Errorf("a killed job let go of its key: %+v %v", tk, err)
			}
			attempts := make(chan int, 9)
			w, err := q.Work(t.Context(), quick(map[string]job.Handler{"scan": func(_ context.Context, j *job.Job) error {
				attempts <- j.Attempt
				return nil
			}}))
			if err != nil {
				t.Fatal(err)
			}
			if got := receive(t, attempts); got != 2 {
				t.Errorf("attempt %d, want 2", got)
			}
			if r := until(t, q, id, job.Finished); r.Attempt != 2 {
				t.Errorf("finished: %+v", r)
			}
			if err := w.Stop(context.Background()); err != nil {
				t.Fatal(err)
			}

			// A job that kills each of its workers ends as failed, it does not go round for ever.
			id = enqueue(t, db, job.Spec{Kind: "scan", MaxAttempts: 1})
			killMidJob(t, url)
			work(t, q, quick(map[string]job.Handler{"scan": func(context.Context, *job.Job) error { return nil }}))
			if r := until(t, q, id, job.Failed, job.Finished); r.State != job.Failed || r.Error == "" {
				t.Errorf("killed in its last attempt: %+v", r)
			}
		})
	}
}
