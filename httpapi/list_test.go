package httpapi_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/store"
)

// pageOf is a page of a list.
type pageOf[T interface{ name() string }] struct {
	Data   []T `json:"data"`
	Paging struct {
		Cursors struct {
			After  *string `json:"after"`
			Before *string `json:"before"`
		} `json:"cursors"`
		HasMore     bool `json:"has_more"`
		HasPrevious bool `json:"has_previous"`
	} `json:"paging"`
}

type (
	page      = pageOf[user]
	groupPage = pageOf[group]
)

func (u user) name() string  { return *u.ExternalID }
func (g group) name() string { return g.ExternalID }

func readPage[T interface{ name() string }](tb testing.TB, a answer) (p pageOf[T]) {
	tb.Helper()
	a.want(tb, 200).decode(tb, &p)
	if p.Data == nil {
		tb.Error("data is null")
	}
	if (p.Paging.Cursors.After != nil) != p.Paging.HasMore || (p.Paging.Cursors.Before != nil) != p.Paging.HasPrevious {
		tb.Errorf("cursors and flags do not agree: %+v", p.Paging)
	}
	return p
}

func (s *server) list(tb testing.TB, query string, options ...option) page {
	tb.Helper()
	return readPage[user](tb, s.do(tb, "GET", "/v1/end-users?"+query, "", options...))
}

func (p pageOf[T]) names() []string {
	names := []string{}
	for _, item := range p.Data {
		names = append(names, item.name())
	}
	return names
}

// walk fails the test unless the pages of a list have these names in the order of the
// query, forwards and back.
func walk[T interface{ name() string }](t *testing.T, query string, ascending []string, list func(query string) pageOf[T]) {
	t.Helper()
	want := slices.Clone(ascending)
	if strings.Contains(query, "order=desc") {
		slices.Reverse(want)
	}
	last := list(query)
	if last.Paging.HasPrevious {
		t.Errorf("%s: the first page has a previous one", query)
	}
	got := last.names()
	for last.Paging.HasMore {
		last = list(query + "&after=" + *last.Paging.Cursors.After)
		got = append(got, last.names()...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s forwards: %v", query, got)
	}
	got = last.names()
	for last.Paging.HasPrevious {
		last = list(query + "&before=" + *last.Paging.Cursors.Before)
		got = append(last.names(), got...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s backwards: %v", query, got)
	}
}

func TestPaging(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		var all []string
		for i := range 23 {
			all = append(all, fmt.Sprintf("u%02d", i))
			s.create(t, fmt.Sprintf(`{"external_id":"u%02d","name":"Ann Lee","groups":["g"]}`, i))
			s.create(t, `{"name":"noise"}`)
		}
		for _, order := range []string{"asc", "desc"} {
			for _, filter := range []string{"name=ann", "group=g", "name=LEE+ann&group=g"} {
				for _, limit := range []int{1, 5, 22, 23, 200} {
					query := fmt.Sprintf("%s&order=%s&limit=%d", filter, order, limit)
					walk(t, query, all, func(query string) page { return s.list(t, query) })
				}
			}
		}
		if n := len(s.list(t, "").Data); n != 46 {
			t.Errorf("without a limit %d users", n)
		}
	})
}

func TestDefaultLimit(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for range 210 {
		s.create(t, `{}`)
	}
	for query, want := range map[string]int{"": 50, "limit=": 50, "limit=200": 200, "limit=1": 1} {
		if p := s.list(t, query); len(p.Data) != want || !p.Paging.HasMore {
			t.Errorf("%q: %d users, want %d", query, len(p.Data), want)
		}
	}
}

// TestPagesThatBecameEmpty: the users behind a cursor may be deleted before it is used. The
// empty page is then the last, by its cursors and by has_more.
func TestPagesThatBecameEmpty(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		var users []user
		for i := range 4 {
			users = append(users, s.create(t, fmt.Sprintf(`{"external_id":"u%d"}`, i)))
		}
		first := s.list(t, "limit=2")
		for _, u := range users[2:] {
			s.do(t, "DELETE", "/v1/end-users/"+u.ID, "").want(t, 204)
		}
		if p := s.list(t, "limit=2&after="+*first.Paging.Cursors.After); len(p.Data) != 0 || p.Paging.HasMore {
			t.Errorf("behind what is gone: %+v", p)
		}
		last := s.list(t, "limit=1&after="+*s.list(t, "limit=1").Paging.Cursors.After)
		s.do(t, "DELETE", "/v1/end-users/"+users[0].ID, "").want(t, 204)
		if p := s.list(t, "before="+*last.Paging.Cursors.Before); len(p.Data) != 0 || p.Paging.HasPrevious {
			t.Errorf("before what is gone: %+v", p)
		}
	})
}

func TestFilters(t *testing.T) {
	t.Parallel()
	apitest.Embedded(t, func(t *testing.T, st store.Store) {
		schema := enduser.Schema{IndexedMetadata: []string{"plan", "seats", "on", "a b", "zip"}}
		mo := &enduser.Options{Schema: func(string) enduser.Schema { return schema }}
		s := newServerOf(t, st, mo, auth(t), nil)
		s.create(t, `{"external_id":"ann","name":"Ann Lee","email":"Ann@Example.com","groups":["g","h"],
			"linked_accounts":[{"type":"x","id":"a:b"}],"metadata":{"plan":"pro","seats":12,"a b":"c d","zip":"01234"}}`)
		s.create(t, `{"external_id":"bea","name":"Bea Lee","email":"bea@example.com","groups":["g"],"metadata":{"plan":"pro","on":true,"seats":"12"}}`)
		s.create(t, `{"external_id":"cyd"}`)
		for query, want := range map[string]string{
			"external_id=ANN":                  "ann",
			"external_id=nobody":               "",
			"email=ann@EXAMPLE.com":            "ann",
			"account_type=x&account_id=a:b":    "ann",
			"account_type=x&account_id=a":      "",
			"account_type=y&account_id=a:b":    "",
			"name=lee":                         "ann bea",
			"name=lee+ann":                     "ann",
			"name=lee+cyd":                     "",
			"name=le":                          "",
			"group=g":                          "ann bea",
			"group=G":                          "",
			"group=x":                          "",
			"group=g&name=bea":                 "bea",
			"metadata.plan=pro":                "ann bea",
			"metadata.plan=%22pro%22":          "",
			"metadata.plan=Pro":                "",
			"metadata.seats=12":                "ann bea",
			"metadata.seats=%2212%22":          "",
			"metadata.on=true":                 "bea",
			"metadata.a%20b=c+d":               "ann",
			"metadata.zip=01234":               "ann",
			"metadata.plan=pro&metadata.on=":   "ann bea",
			"metadata.plan=pro&group=h":        "ann",
			"external_id=ann&group=g":          "ann",
			"external_id=cyd&group=g":          "",
			"external_id=ann&metadata.plan=no": "",
			"order=desc":                       "cyd bea ann",
			"order=&limit=&after=&before=":     "ann bea cyd",
		} {
			if got := strings.Join(s.list(t, query).names(), " "); got != want {
				t.Errorf("%s: got %q, want %q", query, got, want)
			}
		}
	})
}

// TestListByTime: lists select users by the time when they were added, and have them in the
// order of their deadlines.
func TestListByTime(t *testing.T) {
	t.Parallel()
	apitest.Embedded(t, func(t *testing.T, st store.Store) {
		now := time.Date(2026, 1, 28, 10, 0, 0, 0, time.UTC)
		mo := &enduser.Options{Now: func() time.Time { return now }}
		s := newServerOf(t, st, mo, auth(t), nil)
		for i, hours := range []int{50, 0, 20, 40, 0, 30} {
			body := fmt.Sprintf(`{"external_id":"u%d","name":"Ann"}`, i)
			if hours > 0 {
				body = fmt.Sprintf(`{"external_id":"u%d","name":"Ann","expires_in":%d}`, i, hours*3600)
			}
			s.create(t, body)
			now = now.Add(time.Hour)
		}
		for query, want := range map[string]string{
			"added_after=2026-01-28T12:00:00Z":                                      "u3 u4 u5",
			"added_after=2026-01-28T11:59:59.999Z":                                  "u2 u3 u4 u5",
			"added_before=2026-01-28T12:00:00Z":                                     "u0 u1",
			"added_after=2026-01-28T10:30:00Z&added_before=2026-01-28T13:30:00Z":    "u1 u2 u3",
			"added_after=2026-01-28T13:00:00%2B01:00&order=desc":                    "u5 u4 u3",
			"added_after=2026-01-28T12:00:00Z&name=ann":                             "u3 u4 u5",
			"added_after=2026-01-28T12:00:00Z&external_id=u1":                       "",
			"added_after=2027-01-01T00:00:00Z":                                      "",
			"added_before=2025-01-01T00:00:00Z":                                     "",
			"expiring_before=2026-02-28T00:00:00Z":                                  "u2 u5 u3 u0",
			"expiring_before=2026-01-29T21:00:00Z&order=asc":                        "u2 ",
			"expiring_before=2026-02-28T00:00:00Z&added_after=2026-01-28T10:30:00Z": "u2 u5 u3",
			"expiring_before=2026-02-28T00:00:00Z&external_id=u0":                   "u0",
			"expiring_before=2026-01-28T00:00:00Z":                                  "",
		} {
			for _, limit := range []string{"1", "2", "50"} {
				query := query + "&limit=" + limit
				p := s.list(t, query)
				got := p.names()
				for p.Paging.HasMore {
					p = s.list(t, query+"&after="+*p.Paging.Cursors.After)
					if len(p.Data) == 0 && p.Paging.HasMore {
						t.Errorf("%s: an empty page with more behind it", query)
					}
					got = append(got, p.names()...)
				}
				if got := strings.Join(got, " "); got != strings.TrimSpace(want) {
					t.Errorf("%s: got %q, want %q", query, got, want)
				}
			}
		}
		cursor := *s.list(t, "limit=1&expiring_before=2026-02-28T00:00:00Z").Paging.Cursors.After
		for _, query := range []string{"", "expiring_before=2026-02-28T00:00:01Z&", "added_after=2026-01-28T12:00:00Z&"} {
			s.do(t, "GET", "/v1/end-users?"+query+"after="+cursor, "").wantCode(t, 400, "invalid-cursor")
		}
	})
}

// TestCursorDefects: all invalid cursors have the same answer.
func TestCursorDefects(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for range 5 {
		s.create(t, `{"name":"Ann"}`)
		s.create(t, `{"name":"Ann"}`, as(apitest.Other))
		s.create(t, `{"name":"Ann"}`, as(apitest.Testing))
	}
	cursor := *s.list(t, "name=ann&limit=2").Paging.Cursors.After
	same := with("X-Request-Id", "same")
	reference := s.do(t, "GET", "/v1/end-users?name=ann&after=x", "", same)
	reference.wantCode(t, 400, "invalid-cursor")
	refused := func(t *testing.T, query string, options ...option) {
		t.Helper()
		a := s.do(t, "GET", "/v1/end-users?"+query, "", append(options, same)...)
		if a.Status != 400 || a.Body != reference.Body {
			t.Errorf("%.80s: got %d %s", query, a.Status, a.Body)
		}
	}
	for _, parameter := range []string{"after", "before"} {
		s.list(t, "name=ann&"+parameter+"="+cursor)
		s.list(t, "name=ann&limit=1&"+parameter+"="+cursor) // the limit may change

		for _, garbage := range []string{
			"0", "1", "-1", "=", "AQ", "null", "../..", "%00", "%ff", "%F0%9F%98%80", strings.Repeat("A", 10<<10), cursor + "A", cursor + "=",
			cursor[:len(cursor)-1], cursor[1:], cursor + cursor, strings.ToLower(cursor) + "-", cursor + "%20",
			url.QueryEscape("' OR 1=1"), base64.RawURLEncoding.EncodeToString(make([]byte, 10)),
		} {
			refused(t, "name=ann&"+parameter+"="+garbage)
		}
		raw, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil {
			t.Fatal(err)
		}
		for bit := range 8 * len(raw) {
			flipped := slices.Clone(raw)
			flipped[bit/8] ^= 1 << (bit % 8)
			query := "name=ann&" + parameter + "=" + base64.RawURLEncoding.EncodeToString(flipped)
			if bit < 8*9 { // the form, and what the cursor is bound to
				refused(t, query)
			} else if a := s.do(t, "GET", "/v1/end-users?"+query, "", same); a.Status != 200 { // another place of this list
				a.wantCode(t, 400, "invalid-cursor")
			}
		}
		refused(t, "name=ann&"+parameter+"="+cursor, as(apitest.Other))
		refused(t, "name=ann&"+parameter+"="+cursor, as(apitest.Testing))
		refused(t, "name=bea&"+parameter+"="+cursor)
		refused(t, parameter+"="+cursor)
		refused(t, "group=ann&"+parameter+"="+cursor)
		refused(t, "name=ann&group=g&"+parameter+"="+cursor)
		refused(t, "name=ann&order=desc&"+parameter+"="+cursor)
	}
	feed := s.feed(t, "").Cursor
	refused(t, "name=ann&after="+feed)
	s.do(t, "GET", "/v1/changes?after="+cursor, "").wantCode(t, 400, "invalid-cursor")
	s.do(t, "GET", "/v1/changes?after="+feed, "", as(apitest.Other)).wantCode(t, 400, "invalid-cursor")
	s.do(t, "GET", "/v1/changes?after="+feed, "", as(apitest.Testing)).wantCode(t, 400, "invalid-cursor")
}

// TestCursorsSurvive: a cursor stays valid in another handler over the same users, with
// another credential of the tenant, and after its own user was deleted.
func TestCursorsSurvive(t *testing.T) {
	t.Parallel()
	st := backends.SQLite(t)
	s := newServer(t, st, nil)
	for range 4 {
		s.create(t, `{}`)
	}
	p := s.list(t, "limit=2")
	s.do(t, "DELETE", "/v1/end-users/"+p.Data[1].ID, "").want(t, 204)
	again := newServer(t, st, nil)
	if next := again.list(t, "limit=2&after="+*p.Paging.Cursors.After, as(apitest.Reader)); len(next.Data) != 2 || next.Data[0].ID == p.Data[1].ID {
		t.Errorf("got %+v", next)
	}
}
