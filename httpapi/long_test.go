package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestLongLists: of a list with more items than are looked at nothing is written, and
// none is lost silently.
func TestLongLists(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for name, body := range map[string]string{
		"groups":          `{"external_id":"a","groups":[` + strings.Repeat(`"a",`, 256) + `"b"]}`,
		"linked_accounts": `{"external_id":"a","linked_accounts":[` + strings.Repeat(`{"type":"x","id":"a"},`, 256) + `{"type":"x","id":"b"}]}`,
		"twice":           `{"external_id":"a","groups":["a","a"]}`,
		"accounts twice":  `{"external_id":"a","linked_accounts":[{"type":"x","id":"a"},{"type":"x","id":"a"}]}`,
	} {
		if a := s.do(t, "POST", "/v1/end-users", body); a.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %.200s", name, a.Status, a.Body)
		}
		if a := s.do(t, "PUT", "/v1/end-users/by-external-id/a", strings.Replace(body, `"external_id":"a",`, "", 1)); a.Status != http.StatusBadRequest {
			t.Errorf("PUT: %s: %d %.200s", name, a.Status, a.Body)
		}
	}
	if a := s.do(t, "GET", "/v1/end-users", ""); !strings.Contains(a.Body, `"data":[]`) {
		t.Errorf("something was written: %s", a.Body)
	}
}

// TestManyFaults: an answer names so many faults and says how many there are; it is
// not longer than what it answers.
func TestManyFaults(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	var unknown strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&unknown, `"u%d":1,`, i)
	}
	var keys strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&keys, `"%d\u0007":1,`, i)
	}
	for name, body := range map[string]string{
		"unknown members":  "{" + unknown.String() + `"name":"a"}`,
		"members of items": `{"linked_accounts":[` + strings.Repeat(`{"q":1},`, 100) + `{"q":1}]}`,
		"keys":             `{"metadata":{` + keys.String() + `"a":1}}`,
		"a long name":      `{"` + strings.Repeat("ü", 200_000) + `":1}`,
	} {
		a := s.do(t, "POST", "/v1/end-users", body)
		var p struct {
			Detail string            `json:"detail"`
			Errors []json.RawMessage `json:"errors"`
		}
		if err := json.Unmarshal([]byte(a.Body), &p); err != nil {
			t.Fatal(err)
		}
		if a.Status != http.StatusBadRequest || len(p.Errors) == 0 || len(p.Errors) > 64 || len(a.Body) > 16<<10 {
			t.Errorf("%s: %d with %d errors in %d bytes", name, a.Status, len(p.Errors), len(a.Body))
		}
		if len(p.Errors) == 64 && !strings.Contains(p.Detail, "first 64 of") {
			t.Errorf("%s: detail %q", name, p.Detail)
		}
	}
}

// TestCaches: no cache that people share keeps an answer to somebody's credential.
func TestCaches(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	u := s.do(t, "POST", "/v1/end-users", `{"external_id":"a"}`).user(t)
	for path, want := range map[string]string{
		"/v1/end-users": "private", "/v1/end-users/" + u.ID: "private", "/v1/end-users/none": "private", "/none": "private",
		"/v1/changes": "private", "/openapi.json": "", "/healthz": "",
	} {
		if got := s.do(t, "GET", path, "").Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control %q, want %q", path, got, want)
		}
	}
}
