package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hinomi/internal/auth"
)

// readyTime is how long all checks of /readyz may take together.
const readyTime = 3 * time.Second

// Health says that the process is up.
type Health struct {
	Status string `json:"status" enum:"ok"`
}

// Ready says whether requests are welcome, and why not.
type Ready struct {
	Ready  bool        `json:"ready"`
	Checks []Condition `json:"checks" nullable:"false"`
}

// Condition is one thing that must hold.
type Condition struct {
	Name   string `json:"name" doc:"store, queue, advisories …"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty" doc:"What is missing and what to do"`
}

type readyOutput struct {
	Status int
	Body   Ready
}

func (s *server) addHealth() {
	add(s, huma.Operation{OperationID: "healthz", Method: http.MethodGet, Path: "/healthz", Tags: []string{"health"}, Summary: "The process is up"},
		func(context.Context, auth.Principal, *none) (*out[Health], error) { return answer(Health{"ok"}), nil })
	add(s, huma.Operation{OperationID: "readyz", Method: http.MethodGet, Path: "/readyz", Tags: []string{"health"}, Summary: "Requests are welcome; 503 says why not"},
		func(ctx context.Context, _ auth.Principal, _ *none) (*readyOutput, error) { return s.ready(ctx), nil })
}

func (s *server) ready(ctx context.Context) *readyOutput {
	ctx, done := context.WithTimeout(ctx, readyTime)
	defer done()
	checks := append([]Readiness{
		{"store", func(ctx context.Context) error {
			return s.hide(ctx, s.db.Ping(ctx), "the database does not answer: see the server's log")
		}},
		{"queue", func(ctx context.Context) error {
			_, _, err := s.db.Jobs().List(ctx, "", "", "", 1)
			return s.hide(ctx, err, "the queue cannot be read: see the server's log")
		}},
	}, s.cfg.Ready...)
	o := &readyOutput{Status: http.StatusOK, Body: Ready{Ready: true}}
	for _, c := range checks {
		v := Condition{Name: c.Name, OK: true}
		if err := c.Check(ctx); err != nil {
			v.OK, v.Reason = false, err.Error()
			o.Body.Ready, o.Status = false, http.StatusServiceUnavailable
		}
		o.Body.Checks = append(o.Body.Checks, v)
	}
	return o
}

// hide logs an error and returns words that anybody may read.
func (s *server) hide(ctx context.Context, err error, words string) error {
	if err == nil {
		return nil
	}
	s.log.WarnContext(ctx, "not ready", slog.Any("err", err))
	return errors.New(words)
}
