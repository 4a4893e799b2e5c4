package apitest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi"
)

// maxBody is the most bytes that a body may have in the tests of Hostile.
const maxBody = 1000

// Hostile sends every route one hostile request of each kind. Each must be rejected in the
// family's form and change nothing. The request that they were made from must succeed. A route
// that does not go through the plumbing fails.
func (f *Family) Hostile(t *testing.T) {
	t.Helper()
	f.each(t, httpapi.Options{MaxBody: maxBody, MaxBulk: maxBody}, func(t *testing.T, x *fixture, r Route) {
		unchanged := x.Unchanged(t)
		if !r.Public {
			for _, credentials := range [][]string{{}, {""}, {"wrong-key-0001"}, {Acme, Acme}, {Acme, Other}} {
				x.refused(t, r, 401, "unauthorized", f.As(credentials...))
			}
			x.refused(t, r, 400, "malformed-precondition", With("If-Match", "x"))
		}
		if r.Query {
			x.refused(t, r.with(r.Body, "nobodys=1"), 400, "invalid")
		}
		switch {
		case r.Body != "":
			x.hostileBodies(t, r)
		case r.Method == http.MethodPost: // by a form on another site, with a browser's cookies
			x.refused(t, r, 415, "unsupported-media-type", With("Content-Type", "text/plain"))
		}
		unchanged()
		x.accepted(t, r)
	})
}

func (x *fixture) hostileBodies(t *testing.T, r Route) {
	t.Helper()
	members := strings.TrimSuffix(strings.TrimSpace(r.Body), "}")
	and := func(more string) string {
		if strings.TrimSpace(members) == "{" {
			return members + more + "}"
		}
		return members + "," + more + "}"
	}
	documents := map[string]string{
		"truncated":      members,
		"two documents":  r.Body + r.Body,
		"duplicate":      and(`"nobodys":1,"nobodys":1`),
		"invalid UTF-8":  and("\"nobodys\":\"\xff\""),
		"lone surrogate": and(`"nobodys":"\ud800"`),
		"depth 33":       and(`"nobodys":` + strings.Repeat("[", 32) + strings.Repeat("]", 32)),
		"beyond float64": and(`"nobodys":1e400`),
	}
	if r.Rows {
		x.hostileRows(t, r, documents)
		documents = map[string]string{
			"no whole array": "[" + r.Body, "behind an array": "[" + r.Body + "]" + r.Body, "no item": "[" + r.Body + ",]",
			"UTF-16": "\xff\xfe{\x00}\x00", "UTF-16 without a mark": "\x00{\x00}",
		}
	} else {
		documents["an array"], documents["BOM"] = "["+r.Body+"]", "\ufeff"+r.Body
	}
	for name, body := range documents {
		if a := x.send(t, r.with(body, "")); a.Status != 400 {
			t.Errorf("%s: got %d: %s", name, a.Status, a.Body)
		} else {
			x.family.Problem(t, a, "malformed-json")
		}
	}
	if !r.Empty {
		x.refused(t, r.with("", ""), 400, "malformed-json", With("Content-Type", "application/json"))
	}
	for _, types := range [][]string{{}, {"text/plain"}, {"application/x-www-form-urlencoded"}, {"application/json; charset=utf-16"}, {"application/json", "application/json"}} {
		x.refused(t, r, 415, "unsupported-media-type", With("Content-Type", types...))
	}
	x.refused(t, r, 415, "unsupported-media-type", With("Content-Encoding", "br"))
	long := r.with(r.Body+strings.Repeat(" ", maxBody+1-len(r.Body)), "")
	x.refused(t, long, 413, "too-large")
	x.refused(t, long, 413, "too-large", func(r *http.Request) { r.ContentLength = -1 })
}

// hostileRows sends documents that are not acceptable as rows. Each is refused by itself.
func (x *fixture) hostileRows(t *testing.T, r Route, rows map[string]string) {
	t.Helper()
	for name, row := range rows {
		for form, body := range map[string]string{"a line": row + "\n", "an item": "[" + row + "]"} {
			if name == "truncated" && form == "an item" {
				continue // of which the end is missing, too
			}
			a := x.send(t, r.with(body, ""))
			if a.Status != 200 || !strings.Contains(a.Body, `"row":0,`) || !strings.Contains(a.Body, `"code":"malformed-json"`) {
				t.Errorf("%s as %s: got %d: %s", name, form, a.Status, a.Body)
			}
		}
	}
}

// with returns the route's request with another body and a further query parameter.
func (r Route) with(body, query string) Route {
	if r.Body = body; query == "" {
		return r
	}
	if strings.Contains(r.Path, "?") {
		r.Path += "&" + query
	} else {
		r.Path += "?" + query
	}
	return r
}
