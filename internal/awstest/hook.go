package awstest

import (
	"net/http"
	"sync/atomic"
	"time"

	"hinomi/internal/awstest/model"
)

// Hook runs before a call is looked at. A reply of its own is the answer, and AWS never sees the call; nil lets it go on.
type Hook func(*Call) *Reply

// AfterHook runs when the answer is known and what was asked for has happened. It returns the answer to send.
type AfterHook func(*Call, *Reply) *Reply

type rule struct {
	service, action string
	before          Hook
	after           AfterHook
}

func (r rule) matches(c *Call) bool {
	return (r.service == "*" || r.service == c.Service) && (r.action == "*" || r.action == c.Action)
}

// Before adds a hook for a service's action; "*" is any. Hooks run in the order they were added, until one answers. The function that
// it returns takes the hook away.
func (a *AWS) Before(service, action string, h Hook) (remove func()) {
	return a.addRule(&rule{service: service, action: action, before: h})
}

// After adds a hook on the answers of a service's action; "*" is any.
func (a *AWS) After(service, action string, h AfterHook) (remove func()) {
	return a.addRule(&rule{service: service, action: action, after: h})
}

func (a *AWS) addRule(r *rule) func() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rules = append(a.rules, r)
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		kept := make([]*rule, 0, len(a.rules))
		for _, o := range a.rules {
			if o != r {
				kept = append(kept, o)
			}
		}
		a.rules = kept
	}
}

func (a *AWS) rulesFor(c *Call) []*rule {
	a.mu.Lock()
	defer a.mu.Unlock()
	var m []*rule
	for _, r := range a.rules {
		if r.matches(c) {
			m = append(m, r)
		}
	}
	return m
}

func (a *AWS) runBefore(c *Call) *Reply {
	for _, r := range a.rulesFor(c) {
		if r.before == nil {
			continue
		}
		if rep := r.before(c); rep != nil {
			return rep
		}
	}
	return nil
}

func (a *AWS) runAfter(c *Call, rep *Reply) *Reply {
	for _, r := range a.rulesFor(c) {
		if r.after != nil {
			rep = r.after(c, rep)
		}
	}
	return rep
}

// Moment is a side of a call.
type Moment bool

// BeforeCall is when nothing has happened yet; AfterCall is when it has, and the caller does not know.
const (
	BeforeCall Moment = false
	AfterCall  Moment = true
)

// KillAt runs kill at a moment of the call with that number, and then drops the connection: with BeforeCall AWS never saw the call, with AfterCall
// it was carried out and the answer is lost. Calls are counted from 1 since New or the last ResetCalls.
func (a *AWS) KillAt(number int, m Moment, kill func()) (remove func()) {
	if m == BeforeCall {
		return a.Before("*", "*", func(c *Call) *Reply {
			if c.Number != number {
				return nil
			}
			kill()
			return Drop()
		})
	}
	return a.After("*", "*", func(c *Call, r *Reply) *Reply {
		if c.Number != number {
			return r
		}
		kill()
		return Drop()
	})
}

// Fail answers an error of one's own.
func Fail(status int, code, message string) Hook {
	return func(c *Call) *Reply { return c.Error(status, code, message) }
}

// Throttle answers as each service does when there are too many requests: RequestLimitExceeded and HTTP 503 from EC2, Throttling and
// 400 from the Query services, ThrottlingException, TooManyRequestsException or RequestThrottledException and 400 from the JSON ones.
func Throttle() Hook {
	return func(c *Call) *Reply {
		switch {
		case c.Service == "ebs":
			return c.Error(http.StatusBadRequest, "RequestThrottledException", "Request limit exceeded.", "Reason", "ACCOUNT_THROTTLED")
		case c.Service == "organizations":
			return c.Error(http.StatusBadRequest, "TooManyRequestsException", "AWS Organizations can't complete your request because another request is already in progress.")
		case c.protocol() == "ec2":
			return c.Error(http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded.")
		case c.protocol() == "json", c.protocol() == "rest-json":
			return c.Error(http.StatusBadRequest, "ThrottlingException", "Rate exceeded")
		default:
			return c.Error(http.StatusBadRequest, "Throttling", "Rate exceeded")
		}
	}
}

// Expire answers that the session is over: RequestExpired, ExpiredToken or ExpiredTokenException.
func Expire() Hook { return func(c *Call) *Reply { return c.expired() } }

// Deny answers that the caller may not: UnauthorizedOperation, AccessDenied or AccessDeniedException.
func Deny() Hook { return func(c *Call) *Reply { return c.denied() } }

// Broken answers HTTP 500 with a page of HTML, as a load balancer does before a service that is down.
func Broken() Hook {
	return func(*Call) *Reply {
		return &Reply{
			Status: http.StatusInternalServerError, Header: http.Header{"Content-Type": {"text/html"}},
			Body: []byte("<html><head><title>500 Internal Server Error</title></head><body><h1>Internal Server Error</h1></body></html>\n"),
		}
	}
}

// Latency makes the call take that much longer.
func Latency(d time.Duration) Hook {
	return func(c *Call) *Reply {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-c.ctx.Done():
		}
		return nil
	}
}

// Times applies a hook to the first n calls that reach it.
func Times(n int64, h Hook) Hook {
	var seen atomic.Int64
	return func(c *Call) *Reply {
		if seen.Add(1) > n {
			return nil
		}
		return h(c)
	}
}

// Every applies a hook to every nth call that reaches it, beginning with the nth.
func Every(n int64, h Hook) Hook {
	var seen atomic.Int64
	return func(c *Call) *Reply {
		if seen.Add(1)%n != 0 {
			return nil
		}
		return h(c)
	}
}

// InRegion applies a hook to calls in one region.
func InRegion(region string, h Hook) Hook {
	return func(c *Call) *Reply {
		if c.Region != region {
			return nil
		}
		return h(c)
	}
}

// InAccount applies a hook to calls as one account.
func InAccount(account string, h Hook) Hook {
	return func(c *Call) *Reply {
		if c.Account != account {
			return nil
		}
		return h(c)
	}
}

// Cut sends the first n bytes of the answer and drops the connection.
func Cut(n int) AfterHook {
	return func(_ *Call, r *Reply) *Reply {
		r.Cut, r.CutAt = true, n
		return r
	}
}

// AfterTimes applies an after-hook to the first n calls that reach it.
func AfterTimes(n int64, h AfterHook) AfterHook {
	var seen atomic.Int64
	return func(c *Call, r *Reply) *Reply {
		if seen.Add(1) > n {
			return r
		}
		return h(c, r)
	}
}

// EditXML changes an XML answer that is not an error, for states that moto does not have: a snapshot still pending, say.
func EditXML(edit func(*Call, *model.Node)) AfterHook {
	return func(c *Call, r *Reply) *Reply {
		if r.Status != http.StatusOK {
			return r
		}
		root, err := model.ParseXML(r.Body)
		if err != nil {
			return r
		}
		edit(c, root)
		r.Body = root.Bytes()
		return r
	}
}
