package rest_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// The toy family has a credential that is the header X-Key, problems that are a line of
// text, and these routes:
//
//	POST  /strict        refuses unknown members
//	POST  /lenient       ignores them
//	POST  /empty         may have no body
//	POST  /short         takes at most 100 bytes
//	PATCH /things/{id}   has a body
//	POST  /form          reads no body, and refuses forms
//	GET   /things/{id}   is at version "v1"
//	GET   /public        needs no credential
//	GET   /slashed       with a slash at its end, too
//	GET   /panics, /aborts, /fails, /causes, /locates, /query

type (
	call  = rest.Call[string]
	route = rest.Route[string]
)

const maxBody = 256 << 10

// body is that of the toy's routes.
type body struct {
	rest.Input

	name, note rest.Optional[string]
	meta       rest.Optional[string]
	list       rest.Optional[[]string]
	flag       rest.Optional[bool]
	number     rest.Optional[int64]
}

// read returns a handler of a body whose unknown members are refused, or ignored.
func read(strict bool) func(*call) error {
	return func(c *call) error {
		var in body
		p := jsontext.NewScanner(c.Body())
		err := in.End(&p, p.Object(func(name string) error {
			switch {
			case name == "name":
				return rest.Member(&in.Input, &p, name, &in.name, p.String)
			case name == "linked": // has letters that others fold to
				return rest.Member(&in.Input, &p, name, &in.note, p.String)
			case name == "meta":
				return rest.Member(&in.Input, &p, name, &in.meta, rest.Object(&p))
			case name == "list":
				return rest.Member(&in.Input, &p, name, &in.list, rest.Array(&p, func(int) (string, error) { return p.String() }))
			case name == "flag":
				return rest.Member(&in.Input, &p, name, &in.flag, p.Bool)
			case name == "number":
				return rest.Member(&in.Input, &p, name, &in.number, p.Int)
			case strict:
				return in.Unknown(&p, name)
			default:
				return in.Ignore(&p, "$.", name, "name", "linked", "meta", "list")
			}
		}))
		if err != nil {
			return err
		}
		if err := in.Err(); err != nil {
			return err
		}
		return ok(c)
	}
}

func ok(c *call) error { return c.JSON(http.StatusOK, append(c.Buffer(), `{}`...)) }

func routes() []route {
	write := rest.Write("write")
	return append(rest.Slashed(route{Method: "GET", Path: "/slashed", Public: true, Handle: ok}), []route{
		{Method: "POST", Path: "/strict", Access: write, Body: true, Handle: read(true)},
		{Method: "POST", Path: "/lenient", Access: write, Body: true, Handle: read(false)},
		{Method: "POST", Path: "/empty", Access: write, Body: true, Empty: true, Handle: read(true)},
		{Method: "POST", Path: "/short", Access: write, Body: true, MaxBody: 100, Handle: read(true)},
		{Method: "PATCH", Path: "/things/{id}", Access: write, Body: true, Handle: read(true)},
		{Method: "POST", Path: "/form", Access: write, Before: (*call).RefuseForm, Handle: ok},
		{Method: "GET", Path: "/things/{id}", Access: rest.Read("read"), Handle: func(c *call) error {
			return c.ShowIfNew("v1", nil, func(b []byte) []byte { return append(b, `{}`...) })
		}},
		{Method: "GET", Path: "/public", Public: true, Handle: ok},
		{Method: "GET", Path: "/panics", Access: rest.Read("read"), Handle: func(*call) error { panic("in a handler") }},       //nolint:forbidigo // what the plumbing has to survive
		{Method: "GET", Path: "/aborts", Access: rest.Read("read"), Handle: func(*call) error { panic(http.ErrAbortHandler) }}, //nolint:forbidigo // likewise
		{Method: "GET", Path: "/fails", Access: rest.Read("read"), Handle: func(*call) error { return errSecret }},
		{Method: "GET", Path: "/causes", Access: rest.Read("read"), Handle: func(*call) error {
			return rest.Unavailable("unavailable", "Not now.").Because(errSecret)
		}},
		{Method: "GET", Path: "/locates", Access: rest.Read("read"), Handle: func(c *call) error {
			c.Locate("/things", "1")
			return rest.NotFound()
		}},
		{Method: "GET", Path: "/query", Access: rest.Read("read"), Handle: func(c *call) error {
			q, err := c.Query()
			if err != nil {
				return err
			}
			q.Text("text")
			q.OneOf("order", "asc", "desc")
			q.Number("limit", 20, 1, 200)
			q.Time("after")
			if err := q.Strict(); err != nil {
				return err
			}
			return ok(c)
		}},
	}...)
}

// configuration is that of the toy family.
func configuration() rest.Config[string] {
	return rest.Config[string]{
		Authenticate: func(r *http.Request) (string, error) {
			if r.Header.Get("X-Key") != "key" {
				return "", rest.Unauthorized("Toy")
			}
			return "tenant", nil
		},
		Allow:      func(http.Header, *http.Request, string, *rest.Access) error { return nil },
		Explain:    func(error) *rest.Problem { return nil },
		ShowHolder: func(*call, *rest.Problem) bool { return false },
		Append: func(b []byte, p *rest.Problem) []byte {
			b = append(b, p.Code...)
			for _, f := range p.Errors {
				b = append(b, " "+f.Path.Name+":"+f.Code...)
			}
			return append(b, " of "+strconv.Itoa(p.Total)+" in "+p.Instance+" "+p.RequestID...)
		},
		Names:       func(string) (string, string) { return "tenant", "tenant key" },
		ProblemType: "text/x-toy",
		MaxBody:     maxBody,
		Gzip:        true,
		MergePatch:  true,
		Logger:      slog.New(slog.DiscardHandler),
	}
}

// do sends a request to a handler of the toy family. A body is said to be JSON.
func do(h http.Handler, method, target, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	r.Header.Set("X-Key", "key")
	if method == http.MethodPost || method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, change := range change {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func with(name string, values ...string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Del(name)
		for _, value := range values {
			r.Header.Add(name, value)
		}
	}
}

// want fails the test unless an answer has a status and, from 400 on, a code.
func want(t *testing.T, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	if w.Code != status || status >= 400 && !strings.HasPrefix(w.Body.String(), code+" ") {
		t.Errorf("got %d %.200s, want %d %s", w.Code, w.Body, status, code)
	}
	if status >= 400 && w.Header().Get("Content-Type") != "text/x-toy" {
		t.Errorf("%d has content type %q", status, w.Header().Get("Content-Type"))
	}
}
