package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// gate is a reader without bytes that ends when its channel is closed. It stands between the
// two parts of a body.
type gate <-chan struct{}

func (g gate) Read([]byte) (int, error) {
	<-g
	return 0, io.EOF
}

// bodyOf returns a body of so many bytes.
func bodyOf(n int) string { return strings.Repeat(" ", n-2) + "{}" }

// bodyServer has ten credentials of two tenants each, and 1 MiB for bodies.
func bodyServer(t *testing.T, o httpapi.Options) *server {
	t.Helper()
	auth := func(_ *http.Request, credential string) (httpapi.Principal, error) {
		tenant, _, _ := strings.Cut(credential, "-")
		return httpapi.Principal{Tenant: tenant, Credential: credential}, nil
	}
	o.BodyMemory, o.MaxBody = 1<<20, 256<<10
	return newServerOf(t, memory.New(nil), nil, auth, &o)
}

// TestBodiesInFlight: what has come of a stalled body counts for its credential, its tenant
// and all bodies. What is only announced does not.
func TestBodiesInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := bodyServer(t, httpapi.Options{})
		let := make(chan struct{})
		answers := make(chan int, 64)
		stall := func(key string, came, announced int) {
			go func() {
				w := s.do(t, "POST", "/v1/end-users", "x", as(key), func(r *http.Request) {
					r.ContentLength = int64(announced)
					r.Body = io.NopCloser(io.MultiReader(
						strings.NewReader(strings.Repeat(" ", came)), gate(let), strings.NewReader(bodyOf(announced-came)),
					))
				})
				answers <- w.Status
			}()
			synctest.Wait()
		}
		refused := func(status int, key string) {
			t.Helper()
			p := s.do(t, "POST", "/v1/end-users", bodyOf(100<<10), as(key)).wantCode(t, status, "bodies-in-flight")
			if p.Status != status {
				t.Errorf("%s: %+v", key, p)
			}
		}
		taken := func(key string) {
			t.Helper()
			s.do(t, "POST", "/v1/end-users", bodyOf(100<<10), as(key)).want(t, 201)
		}
		for range 10 { // announce the whole, send little
			stall("a-1", 1000, 256<<10)
		}
		taken("a-1")
		stall("a-1", 200<<10, 256<<10)
		refused(429, "a-1")
		s.do(t, "POST", "/v1/end-users", bodyOf(16<<10), as("a-1")).want(t, 201) // is small
		taken("a-2")
		stall("a-2", 200<<10, 256<<10)
		refused(429, "a-3") // half of it all is its tenant's
		taken("b-1")
		stall("b-1", 200<<10, 256<<10)
		stall("b-2", 200<<10, 256<<10)
		refused(429, "b-3")
		refused(503, "c-1")
		s.do(t, "GET", "/v1/end-users", "", as("c-1")).want(t, 200)
		close(let)
		for range 14 {
			if status := <-answers; status != 201 && status != 429 && status != 503 {
				t.Errorf("a body that came late: %d", status)
			}
		}
		for _, key := range []string{"a-1", "a-2", "a-3", "b-1", "c-1"} { // everything is given back
			s.do(t, "POST", "/v1/end-users", bodyOf(256<<10), as(key)).want(t, 201)
		}
	})
}

// TestBodiesAreGivenBack: requests that fail, and clients that leave, free their memory.
func TestBodiesAreGivenBack(t *testing.T) {
	t.Parallel()
	boom := false
	s := bodyServer(t, httpapi.Options{Authorize: func(context.Context, httpapi.Principal, httpapi.Action) error {
		if boom {
			panic("hook") //nolint:forbidigo // what the plumbing has to survive
		}
		return nil
	}})
	u := s.create(t, `{"external_id":"a"}`, as("a-1"))
	for i := range 20 {
		big := strings.Repeat(" ", 200<<10)
		s.do(t, "POST", "/v1/end-users", big+`{"x":1}`, as("a-1")).want(t, 400)
		s.do(t, "PATCH", "/v1/end-users/none", big+`{}`, as("a-1")).want(t, 404)
		s.do(t, "PATCH", "/v1/end-users/"+u.ID, big+fmt.Sprintf(`{"name":"n%d"}`, i), as("a-1")).want(t, 200)
		s.do(t, "POST", "/v1/end-users", big, as("a-1"), func(r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader(big), failing{}))
		}).wantCode(t, 400, "malformed-body")
		s.do(t, "POST", "/v1/end-users", big+big, as("a-1"), func(r *http.Request) { r.ContentLength = -1 }).wantCode(t, 413, "too-large")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s.do(t, "PATCH", "/v1/end-users/"+u.ID, big+`{}`, as("a-1"), under(ctx))
		boom = true
		s.do(t, "POST", "/v1/end-users", big+`{}`, as("a-1")).want(t, 500)
		boom = false
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// slowStore does not write until let is closed.
type slowStore struct {
	store.Store
	begun chan struct{}
	let   chan struct{}
}

func (s *slowStore) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	s.begun <- struct{}{}
	select {
	case <-s.let:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return s.Store.Apply(ctx, tenant, b)
}

// TestLargeBodiesTakeTurns: only some of one tenant's large requests are worked on at once.
// Small requests, and those of other tenants, do not wait for them.
func TestLargeBodiesTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := &slowStore{memory.New(nil), make(chan struct{}, 1000), make(chan struct{})}
		h, err := httpapi.New(enduser.New(st, nil), func(_ *http.Request, credential string) (httpapi.Principal, error) {
			return httpapi.Principal{Tenant: credential[:1], Credential: credential}, nil
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := &server{handler: h}
		answers := make(chan int, 200)
		post := func(key string, size int, options ...option) {
			go func() { answers <- s.do(t, "POST", "/v1/end-users", bodyOf(size), append(options, as(key))...).Status }()
			synctest.Wait()
		}
		left, leave := context.WithCancel(t.Context())
		for range 100 {
			post("a-1", 20<<10, under(left))
		}
		atOnce := len(st.begun)
		if atOnce < 1 || atOnce > 64 {
			t.Errorf("%d of 100 are worked on", atOnce)
		}
		post("a-2", 20<<10)
		post("a-1", 100)
		post("b-1", 20<<10)
		if got := len(st.begun) - atOnce; got != 2 {
			t.Errorf("%d others are worked on, want the small one and the other tenant's", got)
		}
		leave()
		synctest.Wait()
		close(st.let)
		synctest.Wait()
		created := 0
		for range 103 {
			if <-answers == 201 {
				created++
			}
		}
		if created != 3 {
			t.Errorf("%d were created, want those of the clients that stayed", created)
		}
	})
}
