package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestLongLists: of a list with too many items, or with one twice, nothing is written.
func TestLongLists(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for _, members := range []string{
		`"groups":[` + strings.Repeat(`"a",`, 256) + `"b"]`,
		`"linked_accounts":[` + strings.Repeat(`{"type":"x","id":"a"},`, 256) + `{"type":"x","id":"b"}]`,
		`"groups":["a","a"]`,
		`"linked_accounts":[{"type":"x","id":"a"},{"type":"x","id":"a"}]`,
	} {
		s.do(t, "POST", "/v1/end-users", `{"external_id":"a",`+members+`}`).wantCode(t, 400, "invalid")
		s.do(t, "PUT", "/v1/end-users/by-external-id/a", `{`+members+`}`).wantCode(t, 400, "invalid")
	}
	if n := len(s.list(t, "").Data); n > 0 {
		t.Errorf("%d users were written", n)
	}
}

// TestManyFaults: an answer names the first faults and says how many there are, also of
// those that the domain finds; it is not longer than what it answers.
func TestManyFaults(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	var keys strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&keys, `"%d\u0007":1,`, i)
	}
	for name, body := range map[string]string{
		"members of items": `{"linked_accounts":[` + strings.Repeat(`{"q":1},`, 100) + `{"q":1}]}`,
		"keys":             `{"metadata":{` + keys.String() + `"a":1}}`,
	} {
		a := s.do(t, "POST", "/v1/end-users", body)
		p := a.wantCode(t, 400, "invalid")
		if len(p.Errors) == 0 || len(p.Errors) > 64 || len(a.Body) > 16<<10 || len(p.Errors) == 64 && !strings.Contains(p.Detail, "first 64 of") {
			t.Errorf("%s: %d errors in %d bytes: %s", name, len(p.Errors), len(a.Body), p.Detail)
		}
	}
}
