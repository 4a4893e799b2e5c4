package httpapi_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/atonce"
)

// sensitive returns a user's values as text.
func (s *server) sensitive(tb testing.TB, u user) map[string]string {
	tb.Helper()
	values, err := s.users.Tenant(u.TenantID).In(enduser.Environment(u.Environment)).RevealSensitive(tb.Context(), enduser.ByID(u.ID))
	if err != nil {
		tb.Fatal(err)
	}
	texts := map[string]string{}
	for key, value := range values {
		texts[key] = value.Text()
	}
	return texts
}

func TestSensitive(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		u := s.create(t, everything)
		path := "/v1/end-users/" + u.ID
		version := u.Version
		write := func(method, body string, want map[string]string, options ...option) {
			t.Helper()
			a := s.do(t, method, "/v1/sensitive/"+u.ID, body, options...).want(t, 204)
			if diff := cmp.Diff(want, s.sensitive(t, u)); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", method, body, diff)
			}
			read := s.do(t, "GET", path, "").want(t, 200)
			if a.Header.Get("ETag") != read.Header.Get("ETag") {
				t.Errorf("%s: ETag %s, and then %s", method, a.Header.Get("ETag"), read.Header.Get("ETag"))
			}
			version = read.user(t).Version
		}
		write("PUT", `{"a-1":"canary","B_2":-7,"c":true}`, map[string]string{"a-1": `"canary"`, "B_2": "-7", "c": "true"})
		if version == u.Version {
			t.Error("a write made no version")
		}
		write("PATCH", `{"a-1":"\u00e9\n","B_2":null,"d":9223372036854775807,"none":null}`,
			map[string]string{"a-1": `"é\n"`, "c": "true", "d": "9223372036854775807"}, with("Content-Type", "application/merge-patch+json"))
		before := version
		write("PATCH", `{}`, map[string]string{"a-1": `"é\n"`, "c": "true", "d": "9223372036854775807"})
		write("PATCH", `{"none":null}`, map[string]string{"a-1": `"é\n"`, "c": "true", "d": "9223372036854775807"})
		if version != before {
			t.Error("a patch that changes nothing made a version")
		}
		write("PUT", `{"only":false}`, map[string]string{"only": "false"}, with("If-Match", tagOf(version)))
		for _, method := range []string{"PUT", "PATCH"} {
			s.do(t, method, "/v1/sensitive/"+u.ID, `{"x":"y"}`, with("If-Match", tagOf(before))).wantCode(t, 412, "precondition-failed")
			s.do(t, method, "/v1/sensitive/unknown", `{"x":"y"}`).wantCode(t, 404, "not-found")
		}
		write("PUT", `{}`, map[string]string{})

		fields := map[string]bool{}
		for _, ch := range s.wholeFeed(t).Data {
			for _, field := range ch.Fields {
				fields[field] = true
			}
		}
		if !fields["sensitive.a-1"] || !fields["sensitive.only"] {
			t.Errorf("the feed names %v", fields)
		}
	})
}

// TestSensitivePath: no other path or method reaches sensitive values.
func TestSensitivePath(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	u := s.create(t, `{"external_id":"a"}`)
	path := "/v1/sensitive/" + u.ID
	for _, method := range []string{"GET", "POST", "DELETE"} {
		a := s.do(t, method, path, "")
		if a.wantCode(t, 405, "method-not-allowed"); a.Header.Get("Allow") != "PATCH, PUT" {
			t.Errorf("%s: Allow %q", method, a.Header.Get("Allow"))
		}
	}
	for _, p := range []string{
		path + "/", path + "/x", "/v1/Sensitive/" + u.ID, "/v1/sensitive", "/v1/sensitive/", "/v1/sensitive%2F" + u.ID, "/v1/end-users/" + u.ID + "/sensitive",
	} {
		s.do(t, "PUT", p, `{"a":"b"}`).wantCode(t, 404, "not-found")
	}
	s.do(t, "PUT", "/v1/sensitive/a", `{"a":"b"}`).wantCode(t, 404, "not-found") // an external ID is not the ID
	for _, id := range []string{"%00", "%ff", strings.Repeat("a", 10_000)} {
		for _, method := range []string{"PUT", "PATCH"} {
			p := s.do(t, method, "/v1/sensitive/"+id, `{}`).wantCode(t, 400, "invalid")
			if len(p.Errors) != 1 || p.Errors[0].Parameter != "id" {
				t.Errorf("%.20s: %+v", id, p.Errors)
			}
		}
	}
	if got := s.sensitive(t, u); len(got) != 0 {
		t.Errorf("something was written: %v", got)
	}
}

// TestHostileSensitive: a refusal names the invalid member, unless the name itself may be a
// secret. It never shows a value.
func TestHostileSensitive(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	u := s.create(t, `{}`)
	s.do(t, "PUT", "/v1/sensitive/"+u.ID, `{"kept":"x"}`).want(t, 204)
	before := s.do(t, "GET", "/v1/end-users/"+u.ID, "").Body
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(`,"k` + strconv.Itoa(i) + `":1`)
		}
		return "{" + b.String()[1:] + "}"
	}
	const canary = "canary-5up3r"
	for _, tt := range []struct{ name, body, code, pointer string }{
		{"truncated", `{"a":"` + canary, "malformed-json", ""},
		{"trailing", `{"a":"` + canary + `"} ` + canary, "malformed-json", ""},
		{"duplicate behind an escape", `{"a":"x","\u0061":"` + canary + `"}`, "malformed-json", ""},
		{"empty string", `{"a":""}`, "invalid", "/a"},
		{"long string", `{"a":"` + canary + strings.Repeat("x", 4096) + `"}`, "invalid", "/a"},
		{"object", `{"a":{"b":"` + canary + `"}}`, "invalid", "/a"},
		{"empty object", `{"a":{}}`, "invalid", "/a"},
		{"the vendor's envelope", `{"fields":{"b":"` + canary + `"}}`, "invalid", "/fields"},
		{"list", `{"a":["` + canary + `"]}`, "invalid", "/a"},
		{"fraction", `{"a":1.5}`, "invalid", "/a"},
		{"exponent", `{"a":1e3}`, "invalid", "/a"},
		{"beyond int64", `{"a":9223372036854775808}`, "invalid", "/a"},
		{"empty key", `{"":"` + canary + `"}`, "invalid", ""},
		{"space in the key", `{"` + canary + ` x":"x"}`, "invalid", ""},
		{"dot in the key", `{"` + canary + `.x":"x"}`, "invalid", ""},
		{"slash in the key", `{"` + canary + `/x":"x"}`, "invalid", ""},
		{"key beyond ASCII", `{"` + canary + `é":"x"}`, "invalid", ""},
		{"NUL in the key", `{"` + canary + `\u0000":"x"}`, "invalid", ""},
		{"long key", `{"` + canary + strings.Repeat("k", 117) + `":"x"}`, "invalid", ""},
		{"object under a bad key", `{"` + canary + ` x":{}}`, "invalid", ""},
		{"too many", many(129), "invalid", ""},
	} {
		for _, method := range []string{"PUT", "PATCH"} {
			a := s.do(t, method, "/v1/sensitive/"+u.ID, tt.body, with("Content-Type", "application/json"))
			p := a.wantCode(t, 400, tt.code)
			if tt.code == "invalid" && (len(p.Errors) != 1 || p.Errors[0].Pointer != tt.pointer || !strings.Contains(a.Body, `"pointer":`)) {
				t.Errorf("%s of %s: %+v", method, tt.name, p.Errors)
			}
			if strings.Contains(a.Body, canary) {
				t.Errorf("%s of %s quotes the body: %s", method, tt.name, a.Body)
			}
		}
	}
	p := s.do(t, "PUT", "/v1/sensitive/"+u.ID, `{"a":null,"b":null,"d":"x"}`).wantCode(t, 400, "invalid")
	if len(p.Errors) != 2 || p.Errors[0].Pointer != "/a" || p.Errors[1].Pointer != "/b" || p.Errors[0].Code != "invalid_type" {
		t.Errorf("nulls of a PUT: %+v", p.Errors)
	}
	p = s.do(t, "PATCH", "/v1/sensitive/"+u.ID, `{"b":[],"a":{},"c":"x"}`).wantCode(t, 400, "invalid")
	if len(p.Errors) != 2 || p.Errors[0].Pointer != "/a" || p.Errors[1].Pointer != "/b" {
		t.Errorf("two wrong values: %+v", p.Errors)
	}
	for _, body := range []string{`{"a b":null}`, `{"` + canary + ` ":"x","` + canary + `.":"x"}`, many(257), strings.ReplaceAll(many(257), ":1", ":null")} {
		for _, method := range []string{"PUT", "PATCH"} {
			p := s.do(t, method, "/v1/sensitive/"+u.ID, body).wantCode(t, 400, "invalid")
			if len(p.Errors) != 1 || p.Errors[0].Pointer != "" {
				t.Errorf("%s %.60s: %+v", method, body, p.Errors)
			}
		}
	}
	if got := s.do(t, "GET", "/v1/end-users/"+u.ID, "").Body; got != before {
		t.Errorf("a refused write changed the user: %s", got)
	}
	if diff := cmp.Diff(map[string]string{"kept": `"x"`}, s.sensitive(t, u)); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	// The edges of the limits are accepted.
	s.do(t, "PUT", "/v1/sensitive/"+u.ID, many(128)).want(t, 204)
	s.do(t, "PUT", "/v1/sensitive/"+u.ID, `{"`+strings.Repeat("k", 128)+`":"`+strings.Repeat("x", 4096)+`"}`).want(t, 204)
}

// TestSensitiveIsNotShown: no answer has a sensitive value.
func TestSensitiveIsNotShown(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		const canary, body = "canary-5up3r", `{"a":"canary-5up3r","b":90210031337}`
		u := s.create(t, `{"external_id":"x"}`)
		path, sensitive := "/v1/end-users/"+u.ID, "/v1/sensitive/"+u.ID
		for _, r := range [][3]string{
			{"PUT", sensitive, body},
			{"PATCH", sensitive, body},
			{"PUT", sensitive + "?x=1", body},
			{"GET", path, ""},
			{"GET", sensitive, ""},
			{"GET", "/v1/end-users", ""},
			{"GET", "/v1/changes", ""},
			{"PATCH", path, `{"name":"Ann"}`},
			{"PUT", "/v1/end-users/by-external-id/x", `{"name":"Bea"}`},
			{"POST", "/v1/end-users", `{"external_id":"x"}`},
			{"POST", path + "/associate", ""},
			{"DELETE", path, ""},
		} {
			a := s.do(t, r[0], r[1], r[2])
			for _, secret := range []string{canary, "90210031337", `"a"`} {
				if strings.Contains(a.Body, secret) || strings.Contains(fmt.Sprint(a.Header), secret) {
					t.Errorf("%s %s: %d shows %s: %s", r[0], r[1], a.Status, secret, a.Body)
				}
			}
		}
	})
}

// TestSensitiveAtOnce: patches of different keys at once all take effect.
func TestSensitiveAtOnce(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		u := s.create(t, `{}`)
		want := map[string]string{}
		for i := range 16 {
			want["k"+strconv.Itoa(i)] = strconv.Itoa(i)
		}
		for _, a := range atonce.Collect(16, func(i int) answer {
			return s.do(t, "PATCH", "/v1/sensitive/"+u.ID, fmt.Sprintf(`{"k%d":%d}`, i, i))
		}) {
			a.want(t, 204)
		}
		if diff := cmp.Diff(want, s.sensitive(t, u)); diff != "" {
			t.Errorf("values (-want +got):\n%s", diff)
		}
	})
}
