package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"hinomi/internal/auth"
	"hinomi/internal/secret"
	"hinomi/internal/store"
)

// The names of the session's cookie. The first binds it to this very host and to https (RFC 6265bis, 4.1.3.2); browsers refuse it on plain http.
const (
	secureCookie = "__Host-hinomi"
	plainCookie  = "hinomi"
)

// hashesAtOnce bounds how many passwords are hashed at once: each takes 64 MiB.
const hashesAtOnce = 2

// hashWait is how long a sign-in waits for its turn.
const hashWait = 5 * time.Second

func (s *server) cookieName() string {
	if s.cfg.HTTPS {
		return secureCookie
	}
	return plainCookie
}

// cookie is the session's cookie; an empty value ends it.
func (s *server) cookie(value string) http.Cookie {
	//nolint:gosec // G124: Secure is set wherever clients come by https; a browser would not send it back on plain http, which is for loopback
	c := http.Cookie{Name: s.cookieName(), Value: value, Path: "/", HttpOnly: true, Secure: s.cfg.HTTPS, SameSite: http.SameSiteStrictMode, MaxAge: int(s.cfg.SessionLasts / time.Second)}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// authenticate returns who asks: the bearer of a token, or else of a session's cookie.
func (s *server) authenticate(r *http.Request) (caller, *Problem) {
	if h := r.Header.Get("Authorization"); h != "" {
		return s.bearer(r, h)
	}
	c, err := r.Cookie(s.cookieName())
	if err != nil {
		return caller{}, unknown("authentication-missing", "This needs a token or a session.", "Send Authorization: Bearer TOKEN, or sign in by POST "+prefix+"/session.")
	}
	if p := s.sameOrigin(r); p != nil {
		return caller{}, p
	}
	by, err := s.db.Session(r.Context(), c.Value)
	if errors.Is(err, store.ErrNotFound) {
		return caller{}, unknown("session-over", "The session is over.", "Sign in again by POST "+prefix+"/session.")
	}
	if err != nil {
		return caller{}, s.problemOf(r.Context(), err)
	}
	return caller{by, c.Value}, nil
}

func (s *server) bearer(r *http.Request, header string) (caller, *Problem) {
	refused := unknown("token-refused", "The token is unknown, revoked or expired, or its user is disabled.", "Make another one by POST "+prefix+"/tokens or hinomi token add.")
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return caller{}, unknown("authentication-missing", "The Authorization header is not of the scheme Bearer.", "Send Authorization: Bearer TOKEN.")
	}
	hash, err := auth.HashToken(strings.TrimSpace(token))
	if err != nil {
		return caller{}, refused
	}
	by, err := s.db.Authenticate(r.Context(), hash)
	if errors.Is(err, store.ErrNotFound) {
		return caller{}, refused
	}
	if err != nil {
		return caller{}, s.problemOf(r.Context(), err)
	}
	return caller{Principal: by}, nil
}

func unknown(code, detail, hint string) *Problem {
	return &Problem{Status: http.StatusUnauthorized, Code: code, Detail: detail, Hint: hint, challenge: true}
}

// problemOf is problem with its own type.
func (s *server) problemOf(ctx context.Context, err error) *Problem {
	var p *Problem
	errors.As(s.problem(ctx, err), &p)
	return p
}

// sameOrigin refuses a change that another site's page makes a browser send: its cookie would go with it.
func (s *server) sameOrigin(r *http.Request) *Problem {
	if s.origin.Check(r) == nil {
		return nil
	}
	return &Problem{Status: http.StatusForbidden, Code: "cross-origin", Detail: "The request comes from a page of another site.", Hint: "Use hinomi's own pages, or a token."}
}

type loginInput struct {
	Body Login
}

// Login is who signs in.
type Login struct {
	Name     string      `json:"name" minLength:"1" maxLength:"256"`
	Password secret.Text `json:"password" maxLength:"1024" writeOnly:"true"`
}

type loginOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      Me
}

type logoutOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

func (s *server) addSession() {
	add(s, huma.Operation{
		OperationID: "login", Method: http.MethodPost, Path: prefix + "/session", Tags: []string{"session"}, Summary: "Sign in with name and password",
		Description: "Sets the session's cookie. After failures a sign-in must wait: 429 says how long.", Middlewares: huma.Middlewares{s.guardLogin},
	}, func(ctx context.Context, _ auth.Principal, in *loginInput) (*loginOutput, error) {
		return s.login(ctx, in.Body)
	})
	add(s, huma.Operation{
		OperationID: "logout", Method: http.MethodDelete, Path: prefix + "/session", Tags: []string{"session"}, Summary: "Sign out", DefaultStatus: http.StatusNoContent,
	}, func(ctx context.Context, by auth.Principal, _ *none) (*logoutOutput, error) {
		value := callerOf(ctx).session
		if value == "" {
			return nil, &Problem{Status: http.StatusConflict, Code: "no-session", Detail: "A token was shown, there is no session to end.", Hint: "Revoke the token by DELETE " + prefix + "/tokens/ID."}
		}
		err := s.db.InTx(ctx, func(ctx context.Context) error {
			if err := s.db.EndSession(ctx, value); err != nil {
				return err
			}
			return s.audit(ctx, by, "session.end")
		})
		return &logoutOutput{s.cookie("")}, err
	})
}

// guardLogin refuses sign-ins from other sites' pages: they would put somebody into a stranger's session.
func (s *server) guardLogin(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	if p := s.sameOrigin(r); p != nil {
		s.write(w, r, p)
		return
	}
	next(ctx)
}

// audit notes the beginning and end of sessions, which are no Actions.
func (s *server) audit(ctx context.Context, by auth.Principal, action string) error {
	return s.db.Audit(ctx, store.AuditEntry{ActorID: by.UserID, Actor: by.Name, Action: action, Object: "user " + by.UserID, Remote: Remote(ctx)})
}

func (s *server) login(ctx context.Context, l Login) (*loginOutput, error) {
	u, err := s.verify(ctx, l.Name, l.Password)
	if err != nil {
		return nil, err
	}
	by := auth.Principal{UserID: u.ID, Name: u.Name, Role: u.Role, Scope: u.Scope}
	visitOf(ctx).actor = u.ID
	var value string
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		if value, err = s.db.CreateSession(ctx, u.ID, s.cfg.SessionLasts); err != nil {
			return err
		}
		return s.audit(ctx, by, "session.create")
	})
	if err != nil {
		return nil, err
	}
	return &loginOutput{s.cookie(value), me(by)}, nil
}

// verify returns the user that a name and a password belong to. Whether a name exists can be told neither by the answer nor by the clock.
func (s *server) verify(ctx context.Context, name string, password secret.Text) (auth.User, error) {
	from := place(Remote(ctx))
	if wait := s.places.wait(from, s.now()); wait > 0 {
		return auth.User{}, slower(wait)
	}
	if err := s.turn(ctx); err != nil {
		return auth.User{}, err
	}
	defer func() { <-s.hashing }()
	u, hash, err := s.db.Login(ctx, name)
	missing := errors.Is(err, store.ErrNotFound)
	if err != nil && !missing {
		return u, err
	}
	wait := u.Throttle.Wait(s.now())
	if missing {
		wait = s.unknown.wait(name, s.now())
	}
	if wait > 0 {
		return u, slower(wait)
	}
	good := false
	if missing {
		auth.SpendPassword(password.Reveal())
	} else if good, err = auth.CheckPassword(hash, password.Reveal()); err != nil {
		return u, err
	}
	if !good || u.Disabled {
		return u, s.refuse(ctx, from, name, u.ID)
	}
	return u, s.renew(ctx, u, hash, password)
}

// turn waits for a place among those whose password is hashed now.
func (s *server) turn(ctx context.Context) error {
	late := time.NewTimer(hashWait)
	defer late.Stop()
	select {
	case s.hashing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		return &Problem{Status: http.StatusServiceUnavailable, Code: "busy", Detail: "Too many sign-ins at once.", Hint: "Try again in some seconds.", retryAfter: hashWait}
	}
}

// refuse counts a failed sign-in.
func (s *server) refuse(ctx context.Context, from, name, userID string) error {
	s.places.failed(from, s.now())
	if userID == "" {
		s.unknown.failed(name, s.now())
	} else if _, err := s.db.LoginFailed(ctx, userID); err != nil {
		return err
	}
	// The name is not logged: people type passwords there.
	s.log.WarnContext(ctx, "sign-in refused", slog.String("remote", Remote(ctx)), slog.String("user_id", userID), slog.String("request_id", visitOf(ctx).id))
	return &Problem{Status: http.StatusUnauthorized, Code: "sign-in-refused", Detail: "The name or the password is wrong, or the user is disabled.", Hint: "Try again; after some failures there is a wait."}
}

func slower(wait time.Duration) error {
	return &Problem{Status: http.StatusTooManyRequests, Code: "sign-in-throttled", Detail: "There were too many failed sign-ins.", Hint: "Wait as long as Retry-After says.", retryAfter: wait}
}

// renew clears the failures, and hashes the password again if today's parameters are others.
func (s *server) renew(ctx context.Context, u auth.User, hash string, password secret.Text) error {
	if auth.NeedsRehash(hash) {
		again, err := auth.HashPassword(password.Reveal())
		if err == nil {
			err = s.db.SetPassword(ctx, u.ID, again)
		}
		if err != nil && !errors.Is(err, auth.ErrPassword) { // an old password may be shorter than new ones must be: its hash stays
			return err
		}
	}
	if u.Throttle == (auth.Throttle{}) {
		return nil
	}
	return s.db.LoginSucceeded(ctx, u.ID)
}
