package magickmind_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// FuzzBody sends any body to every route that reads one. The answer has the vendor's form,
// and a refused body changes nothing.
func FuzzBody(f *testing.F) {
	for _, body := range []string{
		`{}`, `{"name":"Roy Bosco","external_id":"7c718ec1a65cb7b75eaad1d6"}`, `{"name":"A","external_id":null}`, `{"name":" ","external_id":1}`,
		`{"name":"A","NAME":"B"}`, `{"name":"A","x":[{"a":1e5}]}`, `[`, `{"name":"\ud800"}`, right, `{"refresh_token":"refresh-0001"}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := newServer(t, nil, &magickmind.Options{Login: accounts{}})
		kept := s.create(t, `{"name":"Kept","external_id":"kept"}`)
		check := s.Unchanged(t)
		put := s.do(t, "PUT", users+"/"+kept.ID, body)
		switch put.Status {
		case 200:
			if u := put.user(t); strings.TrimSpace(u.Name) == "" || u.ID != kept.ID || u.TenantID != "acme" {
				t.Errorf("%q made %+v", body, u)
			}
		case 400:
			check()
		default:
			t.Errorf("PUT of %q: %d %s", body, put.Status, put.Body)
		}
		check = s.Unchanged(t)
		post := s.do(t, "POST", users, body)
		switch post.Status {
		case 201:
			if u := post.user(t); strings.TrimSpace(u.Name) == "" || u.ID == kept.ID || u.TenantID != "acme" {
				t.Errorf("%q made %+v", body, u)
			}
			if put.Status != 200 {
				t.Errorf("%q is good for POST alone: %s", body, put.Body)
			}
		case 400, 409:
			check()
		default:
			t.Errorf("POST of %q: %d %s", body, post.Status, post.Body)
		}
		for _, path := range []string{login, refresh} {
			if a := s.do(t, "POST", path, body); a.Status != 200 && a.Status != 400 {
				t.Errorf("%s of %q: %d %s", path, body, a.Status, a.Body)
			}
		}
	})
}

// FuzzCursor requests a page with any cursor. Only those bound to this list work.
func FuzzCursor(f *testing.F) {
	s := newServer(f, nil, nil)
	for range 3 {
		s.create(f, `{"name":"A"}`)
		s.create(f, `{"name":"A"}`, as(apitest.Other))
	}
	first := s.list(f, "limit=1")
	after := *first.Paging.Cursors.After
	before := *s.list(f, "limit=1&cursor="+after).Paging.Cursors.Before
	bound := after[:12] // 9 bytes: the version of the text, and what it is bound to
	for _, cursor := range []string{
		"", "AQIAAAAAAAAAAA", after, before, bound + "AAAAAAAAAAA", bound + "_________",
		bound + "A00000000000", // of a list by deadline
		*s.list(f, "limit=1", as(apitest.Other)).Paging.Cursors.After, *s.list(f, "limit=1&order=desc").Paging.Cursors.After,
	} {
		f.Add(cursor)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		r := httptest.NewRequest(http.MethodGet, users, http.NoBody)
		r.URL.RawQuery = "cursor=" + url.QueryEscape(cursor)
		r.Header.Set("Authorization", "Bearer "+apitest.Acme)
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		want := 400
		text := strings.TrimPrefix(cursor, "before-")
		if _, err := enduser.ParseCursor(text); cursor == "" || err == nil && strings.HasPrefix(text, bound) && len(text) == len(after) {
			want = 200
		}
		if w.Code != want {
			t.Errorf("%q: %d %s", cursor, w.Code, w.Body)
		}
	})
}
