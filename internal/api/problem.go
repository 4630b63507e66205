package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hinomi/internal/auth"
	"hinomi/internal/connector"
	"hinomi/internal/job"
	"hinomi/internal/store"
)

// problemType is the media type of problem details (RFC 9457, 3).
const problemType = "application/problem+json"

// statusClosed is nginx's number for "the client went away"; nobody sees it but the log and the metrics.
const statusClosed = 499

// Problem is an error as the client gets it: problem details (RFC 9457, 3.1) with members of ours.
type Problem struct {
	Type       string        `json:"type" format:"uri-reference" doc:"Always about:blank: the status and the code say what kind of problem it is"`
	Title      string        `json:"title" doc:"The status in words"`
	Status     int           `json:"status" doc:"The HTTP status"`
	Code       string        `json:"code" doc:"What kind of problem it is, for programs: not-found, permission-missing, invalid …"`
	Detail     string        `json:"detail" doc:"What happened"`
	Hint       string        `json:"hint,omitempty" doc:"What to do next"`
	Permission string        `json:"permission,omitempty" doc:"The permission that is missing"`
	Errors     []Fault       `json:"errors,omitempty" doc:"What is wrong with which part of the request"`
	RequestID  string        `json:"requestId,omitempty" doc:"Names the request in the server's log"`
	retryAfter time.Duration // Retry-After; 0 for none
	challenge  bool          // WWW-Authenticate is sent
}

// Fault is one part of a request that was refused. The value itself is never repeated: it may be a secret.
type Fault struct {
	Location string `json:"location,omitempty" doc:"Where: body.account, query.limit, path.id"`
	Message  string `json:"message" doc:"Why"`
}

// Error returns what happened.
func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns the media type of problem details.
func (p *Problem) ContentType(string) string { return problemType }

// GetHeaders returns the headers that belong to the problem.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	if p.challenge {
		h.Set("WWW-Authenticate", `Bearer realm="hinomi"`)
	}
	return h
}

// complete fills what every problem has.
func (p *Problem) complete(ctx context.Context) *Problem {
	q := *p
	q.Type, q.Title, q.RequestID = "about:blank", http.StatusText(p.Status), visitOf(ctx).id
	return &q
}

func aliasProblem(r huma.Registry) {
	r.RegisterTypeAlias(reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[Problem]())
}

// transform makes huma's own errors ours, without the values that it repeats.
func (s *server) transform(ctx huma.Context, _ string, v any) (any, error) {
	switch p := v.(type) {
	case *Problem:
		return p.complete(ctx.Context()), nil
	case *huma.ErrorModel:
		return fromModel(p).complete(ctx.Context()), nil
	}
	return v, nil
}

func fromModel(m *huma.ErrorModel) *Problem {
	p := &Problem{Status: m.Status, Code: "invalid", Detail: "The request was not understood: " + m.Detail + ".", Hint: "See /openapi.json for what this operation takes."}
	for _, e := range m.Errors {
		if e != nil {
			p.Errors = append(p.Errors, Fault{Location: e.Location, Message: e.Message})
		}
	}
	if m.Status >= http.StatusInternalServerError {
		p.Code, p.Detail, p.Hint, p.Errors = "internal", "The request could not be read.", "Try again.", nil
	}
	return p
}

// write answers with a problem outside of huma.
func (s *server) write(w http.ResponseWriter, r *http.Request, p *Problem) {
	for k, v := range p.GetHeaders() {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p.complete(r.Context())) // the client has gone if this fails
}

// invalid is a request that can be understood and not be done.
func invalid(location, message string) *Problem {
	return &Problem{
		Status: http.StatusUnprocessableEntity, Code: "invalid", Detail: "The request was refused: " + message + ".",
		Hint: "Correct it and send it again.", Errors: []Fault{{Location: location, Message: message}},
	}
}

// problem turns an error into what the client may know of it. What is not known to be the caller's affair is ours: logged, and not told.
func (s *server) problem(ctx context.Context, err error) error {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	if p := known(err); p != nil {
		return p
	}
	for _, r := range s.cfg.Refusals {
		if errors.Is(err, r.Err) {
			return &Problem{Status: r.Status, Code: codeOf(r.Status), Detail: sentence(err), Hint: r.Hint}
		}
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return &Problem{Status: statusClosed, Code: "canceled", Detail: "The request was cancelled."}
	}
	s.log.ErrorContext(ctx, "request failed", slog.String("request_id", visitOf(ctx).id), slog.Any("err", err))
	return &Problem{
		Status: http.StatusInternalServerError, Code: "internal", Detail: "Something went wrong in hinomi itself.",
		Hint: "The server's log says what, under the request ID.",
	}
}

// known returns the problem of an error that callers can do something about, nil for another one.
func known(err error) *Problem {
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, job.ErrNotFound):
		return &Problem{Status: http.StatusNotFound, Code: "not-found", Detail: "There is no such thing, or it lies outside your scope.", Hint: "Check its name or ID with the list."}
	case errors.Is(err, store.ErrExists):
		return &Problem{Status: http.StatusConflict, Code: "exists", Detail: "There is one of this name already.", Hint: "Choose another name, or change the one that exists."}
	case errors.Is(err, store.ErrCursor), errors.Is(err, job.ErrCursor):
		return &Problem{
			Status: http.StatusBadRequest, Code: "cursor-invalid", Detail: "The cursor is not one of this list.", Hint: "Use next of the page before as it is, or begin without a cursor.",
			Errors: []Fault{{Location: "query.cursor", Message: "not a cursor of this list"}},
		}
	case errors.Is(err, connector.ErrInvalid):
		return &Problem{Status: http.StatusUnprocessableEntity, Code: "invalid", Detail: sentence(err), Hint: "Correct it and send it again."}
	case errors.Is(err, auth.ErrPassword):
		return &Problem{Status: http.StatusUnprocessableEntity, Code: "password-refused", Detail: sentence(err), Hint: "Choose a longer one: some words in a row are easy to keep in mind."}
	case errors.Is(err, store.ErrExternalID):
		return &Problem{Status: http.StatusUnprocessableEntity, Code: "external-id-refused", Detail: sentence(err), Hint: "Leave it out: one is made for the connector."}
	case errors.Is(err, store.ErrBaseAccount):
		return &Problem{Status: http.StatusConflict, Code: "exists", Detail: sentence(err), Hint: "Remove the first one before."}
	case errors.Is(err, store.ErrLastAdministrator):
		return &Problem{Status: http.StatusConflict, Code: "last-administrator", Detail: sentence(err), Hint: "Make another administrator with an unrestricted scope first."}
	case errors.Is(err, store.ErrNoKey):
		return &Problem{Status: http.StatusConflict, Code: "no-sealing-key", Detail: sentence(err), Hint: "Start the server with a sealing key."}
	}
	return nil
}

// codeOf is the code of a status for which nothing more is known.
func codeOf(status int) string {
	switch status {
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound:
		return "not-found"
	case http.StatusConflict:
		return "conflict"
	case http.StatusServiceUnavailable:
		return "unavailable"
	}
	return "invalid"
}

// sentence is an error's text as a client reads it.
func sentence(err error) string { return err.Error() + "." }
