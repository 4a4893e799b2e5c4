package ada_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/ada"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// stuck is a store whose lists look at one record a page, and that stops, until the
// caller gives up, where it is asked to go on behind one of them.
type stuck struct {
	store.Store
	behind atomic.Int64 // a revision; 0: it does not stop
}

func (s *stuck) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	if at := s.behind.Load(); at > 0 && int64(q.After) >= at {
		<-ctx.Done()
		return store.Page{}, ctx.Err()
	}
	q.Limit, q.Budget = 1, 1
	return s.Store.List(ctx, tenant, q)
}

// TestReadTimeout: a list that takes too long is a short page if it has somebody, else
// 503 with the URL of what is left. Who follows that misses nobody.
func TestReadTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := &stuck{Store: memory.New(nil)}
		s := newServer(t, st, nil)
		const expired, living = 3, 3
		s.createMany(t, expired)
		s.Clock.Advance(enduser.ProvisionalTTL)
		ids := s.createMany(t, living)
		for behind := range int64(expired + living - 1) {
			behind++
			st.behind.Store(behind)
			shown, next := []string{}, ""
			if a := s.do(t, "GET", users+"?limit=5", ""); behind <= expired {
				var p problem
				if p, next = a.want(t, 503).failure(t); p.Type != "read_timeout" {
					t.Errorf("behind %d: %s", behind, a.Body)
				}
			} else {
				p := apitest.Read[page](t, a.want(t, 200).Answer)
				shown, next = p.ids(), *p.Meta.NextPageURL
			}
			st.behind.Store(0)
			if !strings.HasSuffix(next, "&limit=5") {
				t.Fatalf("behind %d: what is left is %q", behind, next)
			}
			if diff := cmp.Diff(ids, append(shown, s.list(t, next).ids()...)); diff != "" {
				t.Errorf("behind %d: the walk differs:\n%s", behind, diff)
			}
		}
	})
}

// TestUnreadable: users that are damaged, or of a newer program, are left out of lists
// and logged, and to ask for one of them says which of both it is.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	s := newServer(t, nil, &ada.Options{Options: httpapi.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))}})
	first := s.create(t, `{}`)
	const damaged, newer = "00000000000000000000dead", "0000000000000000000000f0"
	for id, body := range map[string]string{damaged: `{"r":1,"w":1,"personal`, newer: `{"r":99,"w":99}`} {
		r := store.Record{ID: id, Kind: "user", Data: []byte(body)}
		if _, err := s.Store.Apply(t.Context(), "acme", store.Ops(store.Create(r, nil))); err != nil {
			t.Fatal(err)
		}
	}
	last := s.create(t, `{}`)
	if diff := cmp.Diff([]string{first.ID, last.ID}, s.list(t, users).ids()); diff != "" {
		t.Errorf("the list differs:\n%s", diff)
	}
	for _, id := range []string{damaged, newer} {
		if !strings.Contains(logged.String(), id) {
			t.Errorf("%s is not logged: %s", id, logged.String())
		}
	}
	for _, r := range requests(damaged) {
		if strings.Contains(r.path+r.body, damaged) {
			if a := s.do(t, r.method, r.path, r.body).want(t, 500); a.problem(t).Type != "corrupt" || strings.Contains(a.Body, "personal") {
				t.Errorf("%s: %s", r.method, a.Body)
			}
		}
	}
	for _, r := range requests(newer) {
		if strings.Contains(r.path+r.body, newer) {
			if a := s.do(t, r.method, r.path, r.body).want(t, 503); a.problem(t).Type != "newer" {
				t.Errorf("%s: %s", r.method, a.Body)
			}
		}
	}
}
