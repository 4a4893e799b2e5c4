package magickmind_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// page is a page of the list.
type page struct {
	Data   []user `json:"data"`
	Paging struct {
		Cursors struct {
			After  *string `json:"after"`
			Before *string `json:"before"`
		} `json:"cursors"`
		HasMore     bool `json:"has_more"`
		HasPrevious bool `json:"has_previous"`
	} `json:"paging"`
}

func (s *server) list(tb testing.TB, query string, options ...option) page {
	tb.Helper()
	p := apitest.Read[page](tb, s.do(tb, "GET", users+"?"+query, "", options...).want(tb, 200).Answer)
	if p.Data == nil {
		tb.Errorf("%s: data is null", query)
	}
	if (p.Paging.Cursors.After != nil) != p.Paging.HasMore || (p.Paging.Cursors.Before != nil) != p.Paging.HasPrevious {
		tb.Errorf("%s: cursors and flags do not agree: %+v", query, p.Paging)
	}
	return p
}

func (p page) names() []string {
	names := []string{}
	for _, u := range p.Data {
		names = append(names, u.Name)
	}
	return names
}

// TestPaging walks the list to its end and back: every user is in it once, in order.
func TestPaging(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		var all []string
		for i := range 13 {
			name := fmt.Sprintf("Ann %02d", i)
			all = append(all, name)
			s.create(t, `{"name":"`+name+`"}`)
			s.create(t, `{"name":"noise"}`)
		}
		for _, order := range []string{"asc", "desc"} {
			for i, limit := range []int{1, 5, 12, 13, 100} {
				query := fmt.Sprintf("name=ann&order=%s&%s=%d", order, []string{"limit", "Limit"}[i%2], limit)
				want := slices.Collect(slices.Chunk(all, limit))
				p, forth, back := s.list(t, query), [][]string{}, [][]string{}
				if p.Paging.HasPrevious {
					t.Error("the first page has a previous one")
				}
				for forth = append(forth, p.names()); p.Paging.HasMore; forth = append(forth, p.names()) {
					p = s.list(t, query+"&cursor="+*p.Paging.Cursors.After)
				}
				for back = append(back, p.names()); p.Paging.HasPrevious; back = append(back, p.names()) {
					p = s.list(t, query+"&cursor="+*p.Paging.Cursors.Before)
				}
				slices.Reverse(back)
				for way, got := range map[string][][]string{"forth": forth, "back": back} {
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s %s (-want +got):\n%s", query, way, diff)
					}
				}
			}
			slices.Reverse(all)
		}
	})
}

func TestPageSize(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for range 101 {
		s.create(t, `{"name":"A"}`)
	}
	for query, want := range map[string]int{
		"": 20, "limit=": 20, "Limit=": 20, "limit=100": 100, "Limit=100": 100, "limit=1": 1, "limit=&Limit=7": 7,
		"limit=7&Limit=": 7, "limit=7&Limit=7": 7,
	} {
		if p := s.list(t, query); len(p.Data) != want || !p.Paging.HasMore {
			t.Errorf("%q: %d users, want %d", query, len(p.Data), want)
		}
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		s.create(t, `{"name":"Ann-Marie Lee","external_id":"ann"}`)
		s.create(t, `{"name":"Bea Ärla Lee","external_id":"bea"}`)
		cyd := s.create(t, `{"name":"Cyd"}`)
		for query, want := range map[string]string{
			"name=lee":                          "Ann-Marie Lee, Bea Ärla Lee",
			"name=Marie":                        "Ann-Marie Lee",
			"name=lee+ANN":                      "Ann-Marie Lee",
			"name=lee+cyd":                      "",
			"name=le":                           "",
			"name=%C3%84RLA":                    "Bea Ärla Lee",
			"external_id=ANN":                   "Ann-Marie Lee",
			"external_id=an":                    "",
			"external_id=undefined":             "", // somebody can have it
			"external_id=" + cyd.ID:             "", // it has none
			"external_id=ann&name=lee":          "Ann-Marie Lee",
			"external_id=ann&name=bea":          "",
			"name=lee&order=desc":               "Bea Ärla Lee, Ann-Marie Lee",
			"name=&external_id=&order=&cursor=": "Ann-Marie Lee, Bea Ärla Lee, Cyd",
		} {
			if got := strings.Join(s.list(t, query).names(), ", "); got != want {
				t.Errorf("%s: got %q, want %q", query, got, want)
			}
		}
	})
}

func TestHostileQueries(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for query, field := range map[string]string{
		"limit=0": "limit", "limit=-1": "limit", "limit=101": "limit", "limit=abc": "limit", "limit=1e1": "limit",
		"limit=1.5": "limit", "limit=1000000000": "limit", "limit=99999999999999999999": "limit", "limit=%201": "limit",
		"limit=1&limit=1": "limit", "Limit=0": "Limit", "Limit=101": "Limit", "Limit=1&limit=2": "Limit", "limit=5&Limit=101": "Limit",
		"order=random": "order", "order=ASC": "order", "name=a&name=b": "name", "name=...": "name", "name=%00a": "name",
		"name=1+2+3+4+5+6+7+8+9": "name", "external_id=%00": "external_id", "external_id=%ff": "external_id",
		"external_id=" + strings.Repeat("a", 1000): "external_id", "cursor=x": "cursor", "cursor=a&cursor=a": "cursor",
		"name=+": "name", "external_id=a%3Cb": "external_id", "external_id=+": "external_id", "limit=&limit=5": "limit", "name=&name=": "name",
		// a filter that is ignored would be a wrong answer
		"participant_type=human": "participant_type", "Name=a": "Name", "external-id=a": "external-id", "LIMIT=7": "LIMIT", "page_size=7": "page_size",
		"ids=": "ids", "external_id=nobody&after=x": "after",
	} {
		t.Run(query[:min(len(query), 30)], func(t *testing.T) {
			errors := s.do(t, "GET", users+"?"+query, "").want(t, 400).problem(t).Errors
			if len(errors) != 1 || errors[0].Field != field || errors[0].Code == "" || errors[0].Message == "" {
				t.Errorf("got %+v, want %s", errors, field)
			}
		})
	}
	for _, query := range []string{"name=%zz", "a=1;b=2"} {
		s.do(t, "GET", users+"?"+query, "").want(t, 400)
	}
	s.do(t, "GET", users, `{"limit":`).want(t, 200) // a body of a GET is nobody's
}

// TestCursorDefects: the answer is the same whatever is wrong with a cursor.
func TestCursorDefects(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for range 3 {
		s.create(t, `{"name":"Ann"}`)
		s.create(t, `{"name":"Ann"}`, as(apitest.Other))
		s.create(t, `{"name":"Ann"}`, as(apitest.Testing))
	}
	after := *s.list(t, "name=ann&limit=1").Paging.Cursors.After
	second := s.list(t, "name=ann&limit=1&cursor="+after)
	before := *second.Paging.Cursors.Before
	if after == before || after == *second.Paging.Cursors.After {
		t.Errorf("cursors %s, %s and %s", after, before, *second.Paging.Cursors.After)
	}
	same := with("X-Request-Id", "same")
	reference := s.do(t, "GET", users+"?name=ann&cursor=x", "", same)
	reference.wantFault(t, "cursor", "invalid_value")
	refused := func(query string, options ...option) {
		t.Helper()
		if a := s.do(t, "GET", users+"?"+query, "", append(options, same)...); a.Status != 400 || a.Body != reference.Body {
			t.Errorf("%.80s: got %d %s", query, a.Status, a.Body)
		}
	}
	for _, cursor := range []string{after, before} {
		s.list(t, "name=ann&cursor="+cursor)
		s.list(t, "name=ann&limit=2&order=asc&cursor="+cursor)       // the size may change
		s.list(t, "name=ann&cursor="+cursor, as(apitest.Reader))     // and the credential
		s.list(t, "name=ann&cursor="+cursor+"&limit=1&external_id=") // and what says nothing

		for _, garbage := range []string{
			"0", "1", "-1", "=", "AQ", "null", "../..", "%00", "%ff", "%F0%9F%98%80", strings.Repeat("A", 10<<10),
			cursor + "=", cursor[:len(cursor)-1], cursor[1:], cursor + "%20", cursor + "%0A",
			url.QueryEscape("' OR 1=1"), base64.RawURLEncoding.EncodeToString(make([]byte, 10)),
		} {
			refused("name=ann&cursor=" + garbage)
		}
		text := strings.TrimPrefix(cursor, "before-")
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		for bit := range 8 * 9 { // of what it is bound to; the place behind that is any
			flipped := slices.Clone(raw)
			flipped[bit/8] ^= 1 << (bit % 8)
			refused("name=ann&cursor=" + strings.TrimSuffix(cursor, text) + base64.RawURLEncoding.EncodeToString(flipped))
		}
		refused("name=ann&cursor="+cursor, as(apitest.Other))
		refused("name=ann&cursor="+cursor, as(apitest.Testing))
		refused("name=bea&cursor=" + cursor)
		refused("cursor=" + cursor)
		refused("external_id=ann&cursor=" + cursor)
		refused("name=ann&external_id=ann&cursor=" + cursor)
		refused("name=ann&order=desc&cursor=" + cursor)
	}
}

// TestLastPage: a page behind the last user is empty and has no cursors that lead on.
func TestLastPage(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		a, b := s.create(t, `{"name":"A"}`), s.create(t, `{"name":"B"}`)
		after := *s.list(t, "limit=1").Paging.Cursors.After
		before := *s.list(t, "limit=1&cursor="+after).Paging.Cursors.Before
		s.delete(t, b.ID).want(t, 204)
		if p := s.list(t, "cursor="+after); len(p.Data) > 0 { // of a, which stands
			t.Errorf("got %v", p.names())
		}
		if p := s.list(t, "cursor="+before); len(p.Data) != 1 || p.Data[0] != a { // of b, which is gone
			t.Errorf("got %v", p.names())
		}
		s.delete(t, a.ID).want(t, 204)
		if p := s.list(t, "cursor="+before); len(p.Data) > 0 {
			t.Errorf("got %v", p.names())
		}
	})
}

// TestReadTimeout: a list that takes too long is 503 with the place reached. The client goes
// on from there in the same direction.
func TestReadTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := &slow{Store: memory.New(nil)}
		s := newServer(t, st, &magickmind.Options{Options: httpapi.Options{ReadFor: time.Second}})
		for _, name := range []string{"A", "B", "C", "D", "E"} {
			s.create(t, `{"name":"`+name+`"}`)
		}
		last := *s.list(t, "limit=4").Paging.Cursors.After
		before := *s.list(t, "cursor="+last).Paging.Cursors.Before
		for _, tt := range []struct {
			query string
			reach store.Revision
			want  string
		}{
			{"", 3, "D E"},
			{"order=desc", 3, "B A"},
			{"cursor=" + before, 3, "A B"},
			{"name=nobody", 0, ""}, // nothing was read
		} {
			st.stall(tt.reach)
			a := s.do(t, "GET", users+"?"+tt.query, "").want(t, 503)
			st.stall(-1)
			p := a.problem(t)
			if p.Type != "urn:rollbook:problem:read-timeout" || (p.Cursor != "") != (tt.reach > 0) {
				t.Fatalf("%s: %s", tt.query, a.Body)
			}
			if tt.reach == 0 {
				continue
			}
			query := p.Cursor
			if tt.query == "order=desc" {
				query += "&order=desc"
			}
			if got := strings.Join(s.list(t, "cursor="+query).names(), " "); got != tt.want {
				t.Errorf("%s: got %q, want %q", tt.query, got, tt.want)
			}
		}
	})
}

// TestShortOfTime: a list whose time is over shows the users that it has found. The next page
// leaves none out.
func TestShortOfTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := &slow{Store: memory.New(nil)}
		s := newServer(t, st, &magickmind.Options{Options: httpapi.Options{ReadFor: time.Second}})
		for _, name := range []string{"A", "B", "C"} {
			s.create(t, `{"name":"`+name+`"}`)
		}
		st.stallBehind(1)
		p := s.list(t, "")
		st.stall(-1)
		if got := p.names(); !slices.Equal(got, []string{"A"}) || !p.Paging.HasMore {
			t.Fatalf("got %+v", p)
		}
		if got := s.list(t, "cursor="+*p.Paging.Cursors.After).names(); !slices.Equal(got, []string{"B", "C"}) {
			t.Errorf("got %v", got)
		}
	})
}

// slow is a Store whose lists come to a place without having found anything, and then
// no further.
type slow struct {
	store.Store

	stalled bool
	reach   store.Revision // 0: they do not even come anywhere
	found   int            // so many records before they stall
}

// stallBehind stalls the lists when they have found so many records.
func (s *slow) stallBehind(n int) { s.stalled, s.found = true, n }

// stall stalls the lists from then on, at a place that they come to first; -1 lets them
// go on.
func (s *slow) stall(reach store.Revision) { s.stalled, s.reach = reach >= 0, reach }

func (s *slow) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	if !s.stalled {
		return s.Store.List(ctx, tenant, q)
	}
	if q.Limit = s.found; s.found > 0 {
		s.found = 0
		return s.Store.List(ctx, tenant, q)
	}
	if next := s.reach; next > 0 {
		s.reach = 0
		return store.Page{Next: next}, nil
	}
	<-ctx.Done()
	return store.Page{}, ctx.Err()
}
