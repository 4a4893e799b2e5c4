package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/ratios"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// sink is a ResponseWriter that allocates nothing.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header             { return s.header }
func (s *sink) WriteHeader(status int)          { s.status = status }
func (s *sink) Write(b []byte) (int, error)     { return len(b), nil }
func (s *sink) SetReadDeadline(time.Time) error { return nil }

// source is a request body that allocates nothing.
type source struct{ strings.Reader }

func (*source) Close() error { return nil }

// spy remembers the last op.
type spy struct {
	store.Store
	op store.Op
}

func (s *spy) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	s.op = b.Ops[0]
	return s.Store.Apply(ctx, tenant, b)
}

// The targets are 16 for a create and 6 for a get.
func TestAllocations(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts those of the whole process
	if size.Race {
		t.Skip("under the race detector sync.Pool drops what it is given")
	}
	create, get := allocations(t)
	if create > 16 {
		t.Errorf("a create allocates %v times above the store", create)
	}
	if get > 6 {
		t.Errorf("a get allocates %v times above the store", get)
	}
}

// BenchmarkAllocations reports what a request allocates above the store.
func BenchmarkAllocations(b *testing.B) {
	var r ratios.Set
	for b.Loop() {
		for range ratios.Passes(b) {
			create, get := allocations(b)
			r.Add("allocs-of-create", create)
			r.Add("allocs-of-get", get)
		}
	}
	r.Report(b)
}

// allocations returns how often a request allocates beside what the store in memory does.
func allocations(tb testing.TB) (create, get float64) {
	tb.Helper()
	const key, runs = "a-key-of-the-test", 500
	st := &spy{Store: memory.New(nil)}
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{key: {Tenant: "acme", Actor: "crm"}})
	if err != nil {
		tb.Fatal(err)
	}
	h, err := httpapi.New(enduser.New(st, nil), tokens.Authenticate, nil)
	if err != nil {
		tb.Fatal(err)
	}
	w := &sink{header: make(http.Header)}
	serve := func(r *http.Request, status int) {
		clear(w.header)
		h.ServeHTTP(w, r)
		if w.status != status {
			tb.Fatalf("%s: %d", r.Method, w.status)
		}
	}
	request := func(method, path string) *http.Request {
		r, err := http.NewRequestWithContext(tb.Context(), method, path, nil)
		if err != nil {
			tb.Fatal(err)
		}
		r.RequestURI = path
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Content-Type", "application/json")
		return r
	}

	bodies := make([]string, runs+1) // AllocsPerRun runs once more
	for i := range bodies {
		bodies[i] = fmt.Sprintf(`{"external_id":"crm-%d","name":"Ann Example","first_name":"Ann","last_name":"Example",`+
			`"email":"ann@example.com","language":"en-GB","avatar":"https://example.com/ann.png",`+
			`"metadata":{"plan":"pro","seats":12,"beta":true}}`, i)
	}
	post, body, i := request(http.MethodPost, "/v1/end-users"), new(source), 0
	creates := testing.AllocsPerRun(runs, func() {
		body.Reset(bodies[i])
		post.Body, post.ContentLength = body, int64(len(bodies[i]))
		i++
		serve(post, http.StatusCreated)
	})
	ids := make([]string, runs+1)
	for i := range ids {
		ids[i] = fmt.Sprintf("%024x", i)
	}
	i = 0
	applies := testing.AllocsPerRun(runs, func() {
		r := *st.op.New
		r.ID = ids[i]
		r.Unique[0].Value = ids[i]
		i++
		if _, err := st.Store.Apply(tb.Context(), "other", store.Ops(store.Create(r, st.op.Note))); err != nil {
			tb.Fatal(err)
		}
	})

	id := st.op.New.ID
	one := request(http.MethodGet, "/v1/end-users/"+id)
	gets := testing.AllocsPerRun(runs, func() { serve(one, http.StatusOK) })
	reads := testing.AllocsPerRun(runs, func() {
		if _, err := st.Get(tb.Context(), "acme", store.ID(id)); err != nil {
			tb.Fatal(err)
		}
	})
	tb.Logf("create %v above %v, get %v above %v", creates-applies, applies, gets-reads, reads)
	return creates - applies, gets - reads
}
