package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
)

type change struct {
	Type     string   `json:"type"`
	Kind     string   `json:"kind"`
	ID       string   `json:"id"`
	Revision int64    `json:"revision"`
	Actor    *string  `json:"actor"`
	At       string   `json:"at"`
	Fields   []string `json:"fields"`
	Freed    string   `json:"external_id"`
	Cursor   string   `json:"cursor"`
}

type feedPage struct {
	Data    []change `json:"data"`
	Cursor  string   `json:"cursor"`
	HasMore bool     `json:"has_more"`
	Trimmed bool     `json:"trimmed"`
}

func (s *server) feed(tb testing.TB, query string) feedPage {
	tb.Helper()
	var p feedPage
	s.do(tb, "GET", "/v1/changes?"+query, "").want(tb, 200).decode(tb, &p)
	if p.Data == nil {
		tb.Error("data is null")
	}
	return p
}

// wholeFeed returns all pages of the feed as one: a page may be short.
func (s *server) wholeFeed(tb testing.TB) feedPage {
	tb.Helper()
	whole := s.feed(tb, "")
	for whole.HasMore {
		next := s.feed(tb, "after="+whole.Cursor)
		whole.Data = append(whole.Data, next.Data...)
		whole.Cursor, whole.HasMore = next.Cursor, next.HasMore
	}
	return whole
}

func TestChanges(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		if p := s.feed(t, ""); len(p.Data) != 0 || p.Cursor == "" || p.HasMore || p.Trimmed {
			t.Errorf("the feed of nothing is %+v", p)
		}
		s.create(t, `{"external_id":"noise"}`, as(apitest.Other))
		s.create(t, `{"external_id":"noise"}`, as(apitest.Testing))
		u := s.create(t, `{"external_id":"a","provisional":true,"email":"secret@example.com"}`)
		path := "/v1/end-users/" + u.ID
		s.do(t, "POST", "/v1/end-users", `{"external_id":"a","name":"ignored","provisional":true}`).want(t, 200)
		s.do(t, "PATCH", path, `{"name":"Secret","metadata":{"plan":"secret"}}`).want(t, 200)
		s.do(t, "PATCH", path, `{"name":"Secret"}`).want(t, 200)
		s.do(t, "POST", path+"/associate", "").want(t, 200)
		s.do(t, "DELETE", path, "").want(t, 204)

		p := s.wholeFeed(t)
		var types []string
		for i, ch := range p.Data {
			types = append(types, ch.Type)
			if ch.ID != u.ID || ch.Kind != "user" || *ch.Actor != "crm" || ch.At == "" || ch.Fields == nil {
				t.Errorf("change %+v", ch)
			}
			if i > 0 && ch.Revision <= p.Data[i-1].Revision {
				t.Error("the feed is not in order")
			}
		}
		if diff := cmp.Diff([]string{"created", "updated", "associated", "deleted"}, types); diff != "" {
			t.Errorf("types (-want +got):\n%s", diff)
		}
		if !slices.Contains(p.Data[1].Fields, "name") || !slices.Contains(p.Data[1].Fields, "metadata.plan") {
			t.Errorf("fields %v", p.Data[1].Fields)
		}

		var got []change
		for query := "limit=1"; ; {
			page := s.feed(t, query)
			got = append(got, page.Data...)
			query = "limit=1&after=" + page.Cursor
			if !page.HasMore {
				break
			}
		}
		if diff := cmp.Diff(p.Data, got); diff != "" {
			t.Errorf("one at a time (-want +got):\n%s", diff)
		}
		end := s.feed(t, "after="+p.Cursor)
		if len(end.Data) != 0 || end.Cursor != p.Cursor {
			t.Errorf("behind the end: %+v", end)
		}
	})
}

// TestFeedBeginnings: the feed is read from now on, from a time on, and backwards.
func TestFeedBeginnings(t *testing.T) {
	t.Parallel()
	apitest.Embedded(t, func(t *testing.T, st store.Store) {
		now := time.Date(2026, 1, 28, 10, 0, 0, 0, time.UTC)
		mo := &enduser.Options{Now: func() time.Time { return now }}
		s := newServerOf(t, st, mo, auth(t), nil)
		empty := s.feed(t, "from=now")
		if len(empty.Data) != 0 || empty.Cursor == "" || empty.HasMore || empty.Trimmed {
			t.Errorf("now, of an empty feed: %+v", empty)
		}
		if p := s.feed(t, "order=desc"); len(p.Data) != 0 || p.Cursor == "" || p.HasMore {
			t.Errorf("backwards, an empty feed: %+v", p)
		}
		ids := []string{}
		for range 5 {
			ids = append(ids, s.create(t, `{}`).ID)
			now = now.Add(time.Hour)
		}
		read := func(query, parameter string) (got []string) {
			t.Helper()
			p := s.feed(t, query)
			for {
				for _, ch := range p.Data {
					got = append(got, ch.ID)
				}
				if len(p.Data) > 0 && p.Cursor != p.Data[len(p.Data)-1].Cursor {
					t.Errorf("%s ends at %s, and its last change is %s", query, p.Cursor, p.Data[len(p.Data)-1].Cursor)
				}
				if !p.HasMore {
					return got
				}
				p = s.feed(t, parameter+p.Cursor)
			}
		}
		if got := read("after="+empty.Cursor, "after="); !slices.Equal(got, ids) {
			t.Errorf("from then on: %v, want %v", got, ids)
		}
		if got := read("from=now", "after="); len(got) != 0 {
			t.Errorf("from now on: %v", got)
		}
		for since, want := range map[string][]string{
			"2020-01-01T00:00:00Z": ids, "2026-01-28T12:00:00Z": ids[2:], "2026-01-28T13:30:00%2B01:00": ids[3:], "2026-01-28T23:00:00Z": {},
		} {
			if got := read("since="+since, "after="); !slices.Equal(got, want) {
				t.Errorf("since %s: %v, want %v", since, got, want)
			}
		}
		slices.Reverse(ids)
		for _, limit := range []string{"1", "2", "100"} {
			query := "order=desc&limit=" + limit
			if got := read(query, query+"&before="); !slices.Equal(got, ids) {
				t.Errorf("backwards, by %s: %v, want %v", limit, got, ids)
			}
		}
		for query, parameter := range map[string]string{
			"from=then": "from", "since=yesterday": "since", "from=now&after=" + empty.Cursor: "from", "since=2026-01-28T12:00:00Z&from=now": "since",
			"order=desc&from=now": "from", "order=desc&after=" + empty.Cursor: "after", "order=desc&since=2026-01-28T12:00:00Z": "since",
			"order=desc&wait=1": "wait", "before=" + empty.Cursor: "before", "order=down": "order", "limit=1001": "limit", "wait=31": "wait", "to=now": "to",
		} {
			p := s.do(t, "GET", "/v1/changes?"+query, "").wantCode(t, 400, "invalid")
			if len(p.Errors) != 1 || p.Errors[0].Parameter != parameter {
				t.Errorf("%s: %+v", query, p.Errors)
			}
		}
		s.do(t, "GET", "/v1/changes?order=desc&before=x", "").wantCode(t, 400, "invalid-cursor")
	})
}

// TestNothingIsMissed: a client that takes the cursor of now, walks through the list and then
// reads on from the cursor sees every user, whatever is written meanwhile.
func TestNothingIsMissed(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		want, seen := map[string]bool{}, map[string]bool{}
		create := func() { want[s.create(t, `{}`).ID] = true }
		for range 5 {
			create()
		}
		cursor := s.feed(t, "from=now").Cursor
		for p := s.list(t, "limit=2"); ; p = s.list(t, "limit=2&after="+*p.Paging.Cursors.After) {
			create()
			for _, u := range p.Data {
				seen[u.ID] = true
			}
			if !p.Paging.HasMore || len(want) > 20 {
				break
			}
		}
		for more := true; more; {
			p := s.feed(t, "after="+cursor)
			for _, ch := range p.Data {
				seen[ch.ID] = true
			}
			cursor, more = p.Cursor, p.HasMore
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("users (-want +got):\n%s", diff)
		}
	})
}

// TestChangesTrimmed: a reader that has read all trimmed changes continues. One that has not
// gets a 410, and a new one is told by trimmed.
func TestChangesTrimmed(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		s.create(t, `{}`)
		first := s.feed(t, "limit=1")
		s.create(t, `{}`)
		s.create(t, `{}`)
		last := s.wholeFeed(t)
		through, err := enduser.ParsePosition(last.Cursor)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.users.Tenant("acme").TrimChanges(t.Context(), through); err != nil {
			t.Fatal(err)
		}
		for _, query := range []string{"after=" + first.Cursor, "wait=30&after=" + first.Cursor, "since=2020-01-01T00:00:00Z"} {
			p := s.do(t, "GET", "/v1/changes?"+query, "").wantCode(t, 410, "trimmed")
			if !strings.Contains(p.Detail, "take the cursor of now, walk through the whole list, then read on") {
				t.Errorf("%s: %s", query, p.Detail)
			}
		}
		if p := s.feed(t, "after="+last.Cursor); len(p.Data) != 0 || p.Cursor != last.Cursor || p.Trimmed {
			t.Errorf("after the newest: %+v", p)
		}
		if p := s.feed(t, ""); len(p.Data) != 1 || !p.Trimmed || p.Cursor != last.Cursor {
			t.Errorf("from the oldest that is kept: %+v", p)
		}
		if p := s.feed(t, "order=desc"); len(p.Data) != 1 || !p.Trimmed || p.HasMore {
			t.Errorf("newest first: %+v", p)
		}
	})
}

// TestLongPoll: a poll ends with a write, after its wait, when the server closes or when the
// client leaves, and at no other time.
func TestLongPoll(t *testing.T) {
	t.Parallel()
	poll := func(t *testing.T, o *httpapi.Options, wait string, end func(s *server, cancel context.CancelFunc)) (answer, time.Duration) {
		t.Helper()
		var a answer
		var took time.Duration
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t, nil, o)
			s.create(t, `{"external_id":"a"}`)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cursor := s.feed(t, "").Cursor
			start := time.Now()
			done := make(chan answer, 1)
			go func() { done <- s.do(t, "GET", "/v1/changes?wait="+wait+"&after="+cursor, "", under(ctx)) }()
			synctest.Wait()
			select {
			case a := <-done:
				t.Fatalf("the poll did not wait: %d %s", a.Status, a.Body)
			default:
			}
			end(s, cancel)
			a = <-done
			took = time.Since(start)
		})
		return a, took
	}
	decode := func(t *testing.T, a answer) feedPage {
		t.Helper()
		var p feedPage
		a.want(t, 200).decode(t, &p)
		return p
	}
	t.Run("write", func(t *testing.T) {
		t.Parallel()
		a, took := poll(t, nil, "30", func(s *server, _ context.CancelFunc) {
			time.Sleep(10 * time.Second) //nolint:forbidigo // time of the bubble
			// Writes of another tenant or environment do not end it.
			s.create(t, `{}`, as(apitest.Other))
			s.create(t, `{}`, as(apitest.Testing))
			time.Sleep(time.Second) //nolint:forbidigo // time of the bubble
			s.create(t, `{}`)
		})
		if p := decode(t, a); len(p.Data) != 1 || p.Data[0].Type != "created" || took < 11*time.Second || took >= 30*time.Second {
			t.Errorf("after %v %+v", took, p)
		}
	})
	t.Run("timeout", func(t *testing.T) {
		t.Parallel()
		for _, wait := range []int{1, 30} {
			a, took := poll(t, nil, fmt.Sprint(wait), func(*server, context.CancelFunc) {})
			if p := decode(t, a); len(p.Data) != 0 || p.Cursor == "" || took != time.Duration(wait)*time.Second {
				t.Errorf("after %v %+v", took, p)
			}
		}
	})
	t.Run("closing", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			closing := make(chan struct{})
			s := newServer(t, nil, &httpapi.Options{Closing: closing})
			s.create(t, `{}`)
			cursor := s.feed(t, "").Cursor
			done := make(chan answer, 1)
			go func() { done <- s.do(t, "GET", "/v1/changes?wait=30&after="+cursor, "") }()
			synctest.Wait()
			start := time.Now()
			close(closing)
			a := <-done
			if p := decode(t, a); len(p.Data) != 0 || time.Since(start) != 0 {
				t.Errorf("after %v %+v", time.Since(start), p)
			}
			// A poll that begins while the server closes does not wait.
			a = s.do(t, "GET", "/v1/changes?wait=30&after="+cursor, "")
			if decode(t, a); time.Since(start) != 0 {
				t.Errorf("a new poll waited for %v", time.Since(start))
			}
		})
	})
	t.Run("client gone", func(t *testing.T) {
		t.Parallel()
		a, took := poll(t, nil, "30", func(_ *server, cancel context.CancelFunc) { cancel() })
		a.wantCode(t, 503, "unavailable")
		if took != 0 {
			t.Errorf("it took %v", took)
		}
	})
	t.Run("changes are there", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t, nil, nil)
			s.create(t, `{}`)
			start := time.Now()
			if p := s.feed(t, "wait=30"); len(p.Data) != 1 || time.Since(start) != 0 {
				t.Errorf("after %v %+v", time.Since(start), p)
			}
		})
	})
}

// TestLongPollOfLostKey: a poll whose credential was taken away, has lost its right, or stands for
// another tenant now, does not show what happened since.
func TestLongPollOfLostKey(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(p *httpapi.Principal) (auth, right error){
		"credential": func(*httpapi.Principal) (auth, right error) { return httpapi.ErrUnauthorized, nil },
		"right":      func(*httpapi.Principal) (auth, right error) { return nil, httpapi.ErrForbidden },
		"tenant": func(p *httpapi.Principal) (auth, right error) {
			p.Tenant = "umbrella"
			return nil, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var unauthorized, forbidden error
				p := httpapi.Principal{Tenant: "acme"}
				s := newServerOf(t, nil, nil, func(*http.Request, string) (httpapi.Principal, error) { return p, unauthorized }, &httpapi.Options{
					Authorize: func(context.Context, httpapi.Principal, httpapi.Action) error { return forbidden },
				})
				cursor := s.feed(t, "from=now").Cursor
				done := make(chan answer, 1)
				go func() { done <- s.do(t, "GET", "/v1/changes?wait=30&after="+cursor, "") }()
				synctest.Wait()
				unauthorized, forbidden = lose(&p)
				if _, err := s.users.Tenant("acme").Create(t.Context(), enduser.Spec{ExternalID: "a"}); err != nil {
					t.Fatal(err)
				}
				if a := <-done; unauthorized != nil {
					a.wantCode(t, 401, "unauthorized")
				} else {
					a.wantCode(t, 403, "forbidden")
				}
			})
		})
	}
}

// A long poll for some changes does not end with another one, and gives the cursor behind
// it when it ends.
func TestLongPollOfSome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServerOf(t, nil, &enduser.Options{
			Keyring: keyring(t), Schema: func(string) enduser.Schema { return enduser.Schema{NoteExternalIDs: true} },
		}, auth(t), nil)
		u := s.create(t, `{"external_id":"a"}`)
		begin := s.feed(t, "from=now")
		for query, write := range map[string]func(){
			"kind=group": func() { s.create(t, `{}`) },
			"field=metadata.plan": func() {
				s.do(t, "PATCH", "/v1/end-users/"+u.ID, `{"metadata":{"planet":"Mars"}}`).want(t, 200)
			},
		} {
			started := time.Now()
			var p feedPage
			done := make(chan struct{})
			go func() {
				defer close(done)
				p = s.feed(t, "wait=30&after="+begin.Cursor+"&"+query)
			}()
			<-time.After(10 * time.Second)
			write()
			<-done
			if took := time.Since(started); took != 30*time.Second || len(p.Data) != 0 || p.Cursor == begin.Cursor {
				t.Errorf("%s: after %v: %+v", query, took, p)
			}
			begin = p
		}
		s.do(t, "DELETE", "/v1/end-users/"+u.ID, "").want(t, 204)
		p := s.feed(t, "kind=user&field=email&after="+begin.Cursor)
		if len(p.Data) != 1 || p.Data[0].Type != "deleted" || p.Data[0].Freed != "a" {
			t.Errorf("after a deletion: %+v", p)
		}
		s.do(t, "GET", "/v1/changes?kind=users", "").want(t, 400)
	})
}
