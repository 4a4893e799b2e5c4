package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"
)

func TestHostilePaths(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	u := s.create(t, `{"external_id":"a/b"}`)
	tests := []struct {
		method, path string
		want         int
	}{
		{"GET", "/v1/end-users/%00", 400},
		{"GET", "/v1/end-users/%ff", 400},
		{"PATCH", "/v1/end-users/%00", 400},
		{"DELETE", "/v1/end-users/%ff", 400},
		{"POST", "/v1/end-users/%00/associate", 400},
		{"PUT", "/v1/end-users/by-external-id/%00", 400},
		{"PUT", "/v1/end-users/by-external-id/%ff", 400},
		{"GET", "/v1/end-users/" + strings.Repeat("a", 10_000), 400},
		{"GET", "/v1/end-users/a%2Fb", 404}, // an external ID is not an ID
		{"GET", "/v1/end-users/" + u.ID + "/", 404},
		{"GET", "/v1/end-users/" + u.ID + "%2F", 404},
		{"GET", "/v1/end-users/unknown", 404},
		{"GET", "/v1/end-users/" + strings.ToUpper(u.ID) + "x", 404},
		{"GET", "/v1/unknown", 404},
		{"GET", "/v2/end-users", 404},
		{"GET", "/", 404},
		{"GET", "/V1/end-users", 404},
		{"GET", "/v1/end-users/", 404},
		{"PUT", "/v1/end-users", 405},
		{"PATCH", "/v1/end-users", 405},
		{"DELETE", "/v1/end-users", 405},
		{"POST", "/v1/end-users/" + u.ID, 405},
		{"PUT", "/v1/end-users/" + u.ID, 405},
		{"GET", "/v1/end-users/" + u.ID + "/associate", 405},
		{"POST", "/v1/changes", 405},
		{"POST", "/openapi.json", 405},
		{"DELETE", "/healthz", 405},
		{"TRACE", "/v1/end-users", 405},
		{"OPTIONS", "/v1/end-users", 405},
		{"BREW", "/v1/end-users", 405},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path[:min(len(tt.path), 60)], func(t *testing.T) {
			body := ""
			if tt.method == "PATCH" || tt.method == "PUT" {
				body = "{}"
			}
			a := s.do(t, tt.method, tt.path, body).want(t, tt.want)
			if allow := a.header.Get("Allow"); (tt.want == 405) != (allow != "") {
				t.Errorf("Allow is %q", allow)
			}
		})
	}
	for _, path := range []string{"/v1/../v1/end-users/" + u.ID, "//v1/end-users/" + u.ID, "/v1//end-users"} {
		a := s.do(t, "GET", "http://example.com"+path, "")
		if a.status == 200 || a.status >= 500 {
			t.Errorf("%s is answered with %d", path, a.status)
		}
	}
}

func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	gzipped := func(n int) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(bytes.Repeat([]byte{' '}, n))
		_ = z.Close()
		return b.String()
	}
	auth := func(values ...string) option { return with("Authorization", values...) }
	media := func(values ...string) option { return with("Content-Type", values...) }
	tests := []struct {
		name   string
		body   string
		option option
		want   int
	}{
		{"no content type", "{}", media(), 415},
		{"text", "{}", media("text/plain"), 415},
		{"form", "a=b", media("application/x-www-form-urlencoded"), 415},
		{"multipart", "{}", media("multipart/form-data; boundary=a"), 415},
		{"UTF-16", "{}", media("application/json; charset=utf-16"), 415},
		{"merge patch on create", "{}", media("application/merge-patch+json"), 415},
		{"other JSON", "{}", media("application/problem+json"), 415},
		{"broken", "{}", media("application/json; charset"), 415},
		{"two charsets", "{}", media("application/json; charset=utf-8; charset=utf-16"), 415},
		{"two content types", "{}", media("application/json", "text/plain"), 415},
		{"two equal content types", "{}", media("application/json", "application/json"), 415},
		{"list of content types", "{}", media("application/json, text/plain"), 415},
		{"charset", "{}", media("application/json; charset=UTF-8"), 201},
		{"charset as some clients write it", "{}", media("application/json; charset=UTF8"), 201},
		{"quoted charset", "{}", media(`application/json; charset="utf-8"`), 201},
		{"upper case", "{}", media("APPLICATION/JSON"), 201},
		{"gzip", gzipped(10), with("Content-Encoding", "gzip"), 415},
		{"gzip bomb", gzipped(10 << 20), with("Content-Encoding", "gzip"), 415},
		{"br", "{}", with("Content-Encoding", "br"), 415},
		{"two codings", "{}", with("Content-Encoding", "identity, gzip"), 415},
		{"identity", "{}", with("Content-Encoding", "identity"), 201},

		{"no credential", "{}", auth(), 401},
		{"two credentials", "{}", auth("Bearer "+acmeKey, "Bearer "+acmeKey), 401},
		{"two credentials of tenants", "{}", auth("Bearer "+acmeKey, "Bearer "+otherKey), 401},
		{"empty header", "{}", auth(""), 401},
		{"basic", "{}", auth("Basic YTpi"), 401},
		{"basic with the key", "{}", auth("Basic " + acmeKey), 401},
		{"no scheme", "{}", auth(acmeKey), 401},
		{"empty bearer", "{}", auth("Bearer "), 401},
		{"scheme alone", "{}", auth("Bearer"), 401},
		{"long bearer", "{}", auth("Bearer " + strings.Repeat("a", 4096)), 401},
		{"longer bearer", "{}", auth("Bearer " + strings.Repeat("a", 1<<16)), 401},
		{"control bytes", "{}", auth("Bearer " + acmeKey + "\x01"), 401},
		{"trailing space", "{}", auth("Bearer " + acmeKey + " "), 401},
		{"other case", "{}", auth("Bearer " + strings.ToUpper(acmeKey)), 401},
		{"prefix", "{}", auth("Bearer " + acmeKey[:len(acmeKey)-1]), 401},
		{"list", "{}", auth("Bearer " + acmeKey + ", Bearer " + otherKey), 401},
		{"scheme in other case", "{}", auth("bearer " + acmeKey), 201},
		{"key in another header", "{}", func(r *http.Request) {
			r.Header.Del("Authorization")
			r.Header.Set("Proxy-Authorization", "Bearer "+acmeKey)
			r.Header.Set("X-Api-Key", acmeKey)
			r.Header.Set("Cookie", "token="+acmeKey)
		}, 401},
		{"key in the query", "{}", func(r *http.Request) {
			r.Header.Del("Authorization")
			r.URL.RawQuery = "access_token=" + acmeKey
		}, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s.do(t, "POST", "/v1/end-users", tt.body, tt.option).want(t, tt.want)
		})
	}
	t.Run("refusals are equal", func(t *testing.T) {
		first := s.do(t, "GET", "/v1/changes", "", auth(), with("X-Request-Id", "same")).want(t, 401)
		for _, credential := range []string{"Bearer wrong-key-0001", "Basic YTpi", "Bearer " + strings.Repeat("a", 5000)} {
			if a := s.do(t, "GET", "/v1/changes", "", auth(credential), with("X-Request-Id", "same")); a.body != first.body {
				t.Errorf("%q tells them apart: %s", credential, a.body)
			}
		}
	})
	t.Run("nothing else names the tenant", func(t *testing.T) {
		victim := s.create(t, `{"external_id":"victim"}`, as(otherKey))
		a := s.do(t, "GET", "/v1/end-users/"+victim.ID, "", func(r *http.Request) {
			r.Host = "other.example.com"
			for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-User", "X-Tenant", "X-Tenant-Id", "Tenant", "Forwarded", "X-Original-Url", "X-Http-Method-Override", "X-Actor", "X-Environment"} {
				r.Header.Set(name, "other")
			}
		})
		a.wantCode(t, 404, "not-found")
	})
	t.Run("GET with a body", func(t *testing.T) {
		s.do(t, "GET", "/v1/end-users", `{"limit":`).want(t, 200)
	})
	t.Run("associate with a body", func(t *testing.T) {
		u := s.create(t, `{}`)
		s.do(t, "POST", "/v1/end-users/"+u.ID+"/associate", `nonsense`, media()).want(t, 415)
		s.do(t, "POST", "/v1/end-users/"+u.ID+"/associate", "", media("application/x-www-form-urlencoded")).want(t, 415)
		s.do(t, "POST", "/v1/end-users/"+u.ID+"/associate", "", media()).want(t, 200)
	})
}

// TestAcceptPatch: who asks how a PATCH must be, or sends one that is not so, is told
// (RFC 5789 sections 2.2 and 3.1).
func TestAcceptPatch(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	const want = "application/json, application/merge-patch+json"
	u, g := s.create(t, `{"external_id":"a"}`), s.createGroup(t, `{"external_id":"a"}`)
	for _, path := range []string{"/v1/end-users/" + u.ID, "/v1/end-users/by-external-id/a", "/v1/sensitive/" + u.ID, "/v1/groups/" + g.ID} {
		for _, option := range []option{with("Content-Type"), with("Content-Type", "text/plain"), with("Content-Encoding", "gzip")} {
			if got := s.do(t, "PATCH", path, `{}`, option).want(t, 415).header.Get("Accept-Patch"); got != want {
				t.Errorf("415 of %s has Accept-Patch %q", path, got)
			}
		}
		for _, method := range []string{"OPTIONS", "TRACE"} {
			if got := s.do(t, method, path, "").want(t, 405).header.Get("Accept-Patch"); got != want {
				t.Errorf("405 of %s %s has Accept-Patch %q", method, path, got)
			}
		}
	}
	for _, a := range []answer{
		s.do(t, "OPTIONS", "/v1/end-users", "").want(t, 405),
		s.do(t, "POST", "/v1/end-users", `{}`, with("Content-Type")).want(t, 415),
		s.do(t, "PATCH", "/v1/groups/"+g.ID, `{}`).want(t, 200),
	} {
		if a.header.Get("Accept-Patch") != "" {
			t.Errorf("%d has Accept-Patch without PATCH being refused or asked about", a.status)
		}
	}
}

func TestHostileQueries(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for _, tt := range []struct{ query, parameter string }{
		{"limit=0", "limit"},
		{"limit=-1", "limit"},
		{"limit=201", "limit"},
		{"limit=abc", "limit"},
		{"limit=1e2", "limit"},
		{"limit=1.5", "limit"},
		{"limit=1000000000", "limit"},
		{"limit=99999999999999999999", "limit"},
		{"limit=1&limit=1", "limit"},
		{"limit=%201", "limit"},
		{"order=random", "order"},
		{"order=ASC", "order"},
		{"account=github:1", "account"},
		{"account_type=github", "account_id"},
		{"account_id=1", "account_type"},
		{"account_type=github&account_id=", "account_id"},
		{"added_after=yesterday", "added_after"},
		{"added_before=2026-01-28", "added_before"},
		{"added_before=2026-01-28T10:43:43", "added_before"},
		{"expiring_before=0001-01-01T00:00:00Z", "expiring_before"},
		{"expiring_before=2026-01-28T10:43:43Z&order=desc", "expiring_before"},
		{"expiring_before=2026-01-28T10:43:43Z&before=x", "expiring_before"},
		{"after=x&before=y", "before"},
		{"unknown=1", "unknown"},
		{"Limit=1", "Limit"},
		{"offset=1", "offset"},
		{"tenant=other", "tenant"},
		{"name=a&name=b", "name"},
		{"external_id=%00", "external_id"},
		{"external_id=+", "external_id"},
		{"external_id=a%3Cb", "external_id"},
		{"external_id=" + strings.Repeat("a", 256), "external_id"},
		{"email=not-an-address", "email"},
		{"email=+", "email"},
		{"name=+", "name"},
		{"group=+", "group"},
		{"group=a%00", "group"},
		{"account_type=github&account_id=a%00b", "account_id"},
		{"account_type=&account_id=1", "account_type"},
		{"external_id=%ff", "external_id"},
		{"metadata.plan=pro", "metadata"}, // not indexed
	} {
		t.Run(tt.query, func(t *testing.T) {
			p := s.do(t, "GET", "/v1/end-users?"+tt.query, "").wantCode(t, 400, "invalid")
			if len(p.Errors) != 1 || p.Errors[0].Parameter != tt.parameter || p.Errors[0].Pointer != "" {
				t.Errorf("got %+v", p.Errors)
			}
		})
	}
	for _, query := range []string{"wait=31", "wait=-1", "limit=1001", "limit=0", "after=a&after=a", "x=1"} {
		s.do(t, "GET", "/v1/changes?"+query, "").wantCode(t, 400, "invalid")
	}
	for _, query := range []string{"on_conflict=replace", "on_conflict=FAIL", "x=1", "on_conflict=fail&on_conflict=fail"} {
		s.do(t, "POST", "/v1/end-users?"+query, "{}").wantCode(t, 400, "invalid")
	}
	for _, query := range []string{"limit=", "order=", "after=", "before=", "name=", "email=", "account_type=&account_id=", "added_after=", "added_before=", "expiring_before=", "external_id=", "group=", "metadata.x="} {
		s.do(t, "GET", "/v1/end-users?"+query, "").want(t, 200)
	}
}
