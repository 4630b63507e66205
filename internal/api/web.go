package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"
)

// maxBody is the largest request body, in bytes: the largest thing that is sent here is a tag rule.
const maxBody = 256 << 10

// bodyTime is how long a client may take to send its body.
const bodyTime = 10 * time.Second

// visit is what is noted of a request while it is served.
type visit struct {
	id     string
	remote string // the client's address
	actor  string // user ID, "" before it is known
	status int    // 0 until the answer began
	bytes  int64
}

type visitKey struct{}

// visitOf returns the notes of a request; outside of one they are thrown away.
func visitOf(ctx context.Context) *visit {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

// Remote returns the address of the client whose request a context belongs to, "" outside of a request: where a change came from, for the audit log.
func Remote(ctx context.Context) string { return visitOf(ctx).remote }

// wrap puts around the routes what every request needs: an ID, headers, the body's limit, a log entry, and an answer whatever happens.
func (s *server) wrap(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{id: randomID(), remote: s.remote(r)}
		r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
		rec := &recorder{ResponseWriter: w, visit: v}
		s.secure(rec.Header(), v)
		began := s.now()
		defer func() {
			s.recover(rec, r, recover())
			s.note(r, v, s.now().Sub(began))
		}()
		p := readBody(rec, r)
		if p == nil {
			p = readable(r)
		}
		if p != nil {
			s.write(rec, r, p)
			return
		}
		s.route(mux, rec, r)
	})
}

// route serves a request, with problem details also where no operation answers.
func (s *server) route(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	h, pattern := mux.Handler(r)
	if pattern != "" {
		mux.ServeHTTP(w, r)
		return
	}
	lost := &discard{header: http.Header{}}
	h.ServeHTTP(lost, r)
	if lost.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", lost.header.Get("Allow"))
		s.write(w, r, &Problem{
			Status: http.StatusMethodNotAllowed, Code: "method-not-allowed", Detail: "This path does not take the method " + method(r) + ".",
			Hint: "It takes " + lost.header.Get("Allow") + ".",
		})
		return
	}
	s.write(w, r, &Problem{Status: http.StatusNotFound, Code: "no-such-path", Detail: "There is nothing at this path.", Hint: "See /openapi.json for what there is."})
}

// secure sets the headers of every answer: nothing of it is to be run, framed, guessed, kept or told to others.
func (s *server) secure(h http.Header, v *visit) {
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Request-Id", v.id)
	if s.cfg.HTTPS {
		h.Set("Strict-Transport-Security", "max-age=31536000") // a year, RFC 6797, 6.1.1
	}
}

// readBody reads the body before anything else happens, and takes the connection's read deadline off: one that ends while the request is
// being worked on would cancel it.
func readBody(w http.ResponseWriter, r *http.Request) *Problem {
	conn := http.NewResponseController(w)
	defer conn.SetReadDeadline(time.Time{}) //nolint:errcheck // a test's recorder has none
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	late := time.AfterFunc(bodyTime, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) }) // a time that is over ends the read
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	ended := late.Stop()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return &Problem{Status: http.StatusRequestEntityTooLarge, Code: "too-large", Detail: "The body is larger than 256 KiB.", Hint: "Send less."}
	case err != nil && !ended:
		return &Problem{Status: http.StatusRequestTimeout, Code: "timeout", Detail: "The body did not arrive in 10 seconds.", Hint: "Send it again."}
	case err != nil:
		return &Problem{Status: http.StatusBadRequest, Code: "invalid", Detail: "The body could not be read to its end.", Hint: "Send it again."}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if bytes.IndexByte(body, 0) >= 0 || bytes.Contains(body, []byte(`\u0000`)) {
		return notText("body")
	}
	return nil
}

// readable refuses a path or query that is no text: a database cannot keep or compare it.
func readable(r *http.Request) *Problem {
	query, err := url.QueryUnescape(r.URL.RawQuery)
	switch {
	case err != nil || !text(query):
		return notText("query")
	case !text(r.URL.Path):
		return notText("path")
	}
	return nil
}

func text(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

func notText(where string) *Problem {
	return &Problem{
		Status: http.StatusBadRequest, Code: "invalid", Detail: "The " + where + " is not text in UTF-8, or holds a NUL character.", Hint: "Correct it and send it again.",
		Errors: []Fault{{Location: where, Message: "not text"}},
	}
}

// recover answers after a panic, which is a fault of ours and is logged as one.
func (s *server) recover(w *recorder, r *http.Request, fault any) {
	if fault == nil || r.Context().Err() != nil && w.visit.status != 0 {
		return // nothing happened, or the client went away in the middle of its answer
	}
	s.log.ErrorContext(r.Context(), "request panicked", slog.String("request_id", w.visit.id), slog.Any("panic", fault), slog.String("stack", string(debug.Stack())))
	if w.visit.status != 0 {
		return // the answer has begun and stays as it is
	}
	s.write(w, r, &Problem{Status: http.StatusInternalServerError, Code: "internal", Detail: "Something went wrong in hinomi itself.", Hint: "The server's log says what, under the request ID."})
}

// note writes the log entry and the metrics of a request. The query is left out: what stands in it is the caller's.
func (s *server) note(r *http.Request, v *visit, took time.Duration) {
	route := r.Pattern
	if _, path, ok := strings.Cut(route, " "); ok {
		route = path
	}
	if route == "" {
		route = "none"
	}
	s.measure.request(route, method(r), v.status, took)
	s.log.InfoContext(r.Context(), "request", slog.String("request_id", v.id), slog.String("method", method(r)), slog.String("path", r.URL.Path), slog.String("route", route),
		slog.Int("status", v.status), slog.Int64("bytes", v.bytes), slog.Duration("took", took), slog.String("remote", v.remote), slog.String("actor", v.actor))
}

// method is a request's method, or OTHER for one that is not of RFC 9110: it becomes the value of a label.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return r.Method
	}
	return "OTHER"
}

// recorder notes the status and the size of an answer.
type recorder struct {
	http.ResponseWriter
	visit *visit
}

// WriteHeader sends the first status and notes it; a later one comes too late.
func (w *recorder) WriteHeader(status int) {
	if w.visit.status != 0 {
		return
	}
	w.visit.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Write notes the size.
func (w *recorder) Write(b []byte) (int, error) {
	if w.visit.status == 0 {
		w.visit.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.visit.bytes += int64(n)
	return n, err
}

// Unwrap returns the writer inside, for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// discard takes the routes' own answer to what they do not know.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }
