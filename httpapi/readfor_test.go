package httpapi_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// slow is a Store whose pages are of one entry and take a second each.
type slow struct{ store.Store }

func (s slow) wait(ctx context.Context) error {
	select {
	case <-time.After(time.Second):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s slow) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	if err := s.wait(ctx); err != nil {
		return store.Page{}, err
	}
	q.Budget = 1
	return s.Store.List(ctx, tenant, q)
}

func (s slow) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	if err := s.wait(ctx); err != nil {
		return store.ChangePage{}, err
	}
	return s.Store.Changes(ctx, tenant, q)
}

// TestReadFor: the answer to a list that takes too long has a cursor from which to continue,
// and a client that continues finds everything.
func TestReadFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		readFor time.Duration
		takes   time.Duration
	}{{0, 10 * time.Second}, {3500 * time.Millisecond, 3500 * time.Millisecond}} {
		for _, direction := range []string{"order=asc", "order=desc"} {
			t.Run(fmt.Sprint(tt.readFor, " ", direction), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					st := memory.New(nil)
					fast := newServer(t, st, nil)
					last := ""
					for i := range 60 {
						fast.create(t, fmt.Sprintf(`{"name":"%s"}`, []string{"Ann", "Lee"}[i%2]))
						if i == 30 {
							last = fast.create(t, `{"name":"Ann Lee"}`).ID
						}
					}
					s := newServer(t, slow{st}, &httpapi.Options{ReadFor: tt.readFor})
					query, timeouts, found := "name=ann+lee&"+direction, 0, 0
					for after := ""; ; {
						start := time.Now()
						a := s.do(t, "GET", "/v1/end-users?"+query+after, "")
						if a.Status == 200 {
							var p page
							a.decode(t, &p)
							for _, u := range p.Data {
								if found++; u.ID != last {
									t.Errorf("found %s, want %s", u.ID, last)
								}
							}
							if !p.Paging.HasMore {
								break
							}
							after = "&after=" + *p.Paging.Cursors.After
							continue
						}
						timeouts++
						p := a.wantCode(t, 503, "read-timeout")
						if took := time.Since(start); took != tt.takes || p.Cursor == "" {
							t.Fatalf("after %v: %s", took, a.Body)
						}
						after = "&after=" + p.Cursor
					}
					if found != 1 || timeouts == 0 {
						t.Errorf("found %d times, after %d timeouts", found, timeouts)
					}
				})
			})
		}
	}
}

// TestReadForBackwards: after a request with before, that cursor leads on backwards.
func TestReadForBackwards(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := memory.New(nil)
		fast := newServer(t, st, nil)
		first := fast.create(t, `{"name":"Ann Lee"}`)
		for i := range 60 {
			fast.create(t, fmt.Sprintf(`{"name":"%s"}`, []string{"Ann", "Lee"}[i%2]))
		}
		fast.create(t, `{"name":"Ann Lee"}`)
		p := fast.list(t, "name=ann+lee&limit=1&after="+*fast.list(t, "name=ann+lee&limit=1").Paging.Cursors.After)
		s := newServer(t, slow{st}, nil)
		before, timeouts := *p.Paging.Cursors.Before, 0
		for {
			a := s.do(t, "GET", "/v1/end-users?name=ann+lee&before="+before, "")
			if a.Status == 503 {
				timeouts++
				before = a.wantCode(t, 503, "read-timeout").Cursor
				continue
			}
			var p page
			if a.want(t, 200).decode(t, &p); len(p.Data) != 1 || p.Data[0].ID != first.ID || timeouts == 0 {
				t.Errorf("after %d timeouts: %s", timeouts, a.Body)
			}
			return
		}
	})
}

// TestReadForElsewhere: other reads that take too long end as a list of users does. The wait
// of a long poll does not count, and a client that leaves is no timeout.
func TestReadForElsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := memory.New(nil)
		fast := newServer(t, st, nil)
		fast.create(t, `{}`)
		fast.createGroup(t, `{"external_id":"a"}`)
		groups := fast.listGroups(t, "")
		if len(groups.Data) != 1 {
			t.Fatal("no group")
		}
		cursor := fast.feed(t, "limit=1").Cursor
		s := newServer(t, slow{st}, &httpapi.Options{ReadFor: 500 * time.Millisecond})
		for path, want := range map[string]string{
			"/v1/end-users": "", "/v1/groups": "", "/v1/changes": "", "/v1/changes?from=now": "",
			"/v1/changes?since=2020-01-01T00:00:00Z": "", "/v1/changes?after=" + cursor: cursor,
			"/v1/changes?order=desc&before=" + cursor: cursor,
		} {
			if p := s.do(t, "GET", path, "").wantCode(t, 503, "read-timeout"); p.Cursor != want {
				t.Errorf("%s: cursor %q, want %q", path, p.Cursor, want)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		s.do(t, "GET", "/v1/end-users", "", under(ctx)).wantCode(t, 503, "unavailable")

		waits := newServer(t, st, &httpapi.Options{ReadFor: time.Millisecond})
		start := time.Now()
		if p := waits.feed(t, "wait=30&after="+fast.feed(t, "").Cursor); len(p.Data) != 0 || time.Since(start) != 30*time.Second {
			t.Errorf("a long poll took %v: %+v", time.Since(start), p)
		}
	})
}
