package sensay_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// together sends n requests at once and returns the answers.
func together(n int, send func(i int) answer) []answer {
	answers := make([]answer, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			answers[i] = send(i)
		})
	}
	close(start)
	wg.Wait()
	return answers
}

// variant spells a text with the i-th choice of capital letters.
func variant(text string, i int) string {
	var b strings.Builder
	for at, r := range text {
		if i>>(at%6)&1 == 1 {
			b.WriteString(strings.ToUpper(string(r)))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// TestRacingCreates: of many users that want the same thing at once one gets it.
func TestRacingCreates(t *testing.T) {
	t.Parallel()
	const n = 64
	stores := map[string]func(testing.TB) store.Store{
		"memory": func(testing.TB) store.Store { return memory.New(nil) },
		"sqlite": apitest.SQLite,
	}
	bodies := map[string]func(i int) string{
		"USER_EXISTS":  func(i int) string { return `{"id":"` + variant("ann-lee", i) + `"}` },
		"EMAIL_EXISTS": func(i int) string { return fmt.Sprintf(`{"id":"u%d","email":%q}`, i, variant("ann@example.com", i)) },
		"LINKED_ACCOUNT_EXISTS": func(i int) string {
			return fmt.Sprintf(`{"name":"N%d","linkedAccounts":[{"accountType":"telegram","accountID":"8035"}]}`, i)
		},
	}
	for backend, open := range stores {
		for code, body := range bodies {
			t.Run(backend+"/"+code, func(t *testing.T) {
				t.Parallel()
				s := newServer(t, open(t), httpapi.Options{})
				answers := together(n, func(i int) answer { return s.do(t, "POST", "/v1/users", body(i)) })
				made := 0
				for _, a := range answers {
					if a.Status == http.StatusOK {
						made++
					} else {
						a.wantCode(t, http.StatusConflict, code)
					}
				}
				if users := apitest.StateOf(t, s.users.Tenant("acme")).Users; made != 1 || len(users) != 1 {
					t.Errorf("%d were told that they are made, and %d users exist", made, len(users))
				}
			})
		}
	}
}

// TestRacingUpdates: writes of one user at once are all done or refused, none is
// lost, and with If-Match one wins.
func TestRacingUpdates(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"id":"ann"}`)
	const n = 32
	answers := together(n, func(i int) answer {
		return s.do(t, "PUT", "/v1/users/me", fmt.Sprintf(`{"id":"ann","name":"N%d"}`, i), as("ann"))
	})
	seen := map[string]bool{}
	for i, a := range answers {
		if u := a.want(t, 200).user(t); u.Name != fmt.Sprintf("N%d", i) {
			t.Errorf("%d was answered with %q", i, u.Name)
		}
		seen[a.Header.Get("ETag")] = true
	}
	if len(seen) != n {
		t.Errorf("%d versions for %d writes", len(seen), n)
	}

	etag := s.do(t, "GET", "/v1/users/ann", "").Header.Get("ETag")
	won := 0
	for _, a := range together(n, func(i int) answer {
		return s.do(t, "PUT", "/v1/users/me", fmt.Sprintf(`{"id":"ann","name":"M%d"}`, i), as("ann"), with("If-Match", etag))
	}) {
		if a.Status == http.StatusOK {
			won++
		} else {
			a.wantCode(t, http.StatusPreconditionFailed, "PRECONDITION_FAILED")
		}
	}
	if won != 1 {
		t.Errorf("%d writes found the version that one of them changed", won)
	}
}

// interrupted is a store in which something else happens right before a write.
type interrupted struct {
	store.Store
	first atomic.Pointer[func()] // done once
}

func (i *interrupted) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	if first := i.first.Swap(nil); first != nil {
		(*first)()
	}
	return i.Store.Apply(ctx, tenant, b)
}

// TestChangedMeanwhile: a user that loses the name under which a request acts
// before the request writes is not written.
func TestChangedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, acting := range map[string]option{"id": as("ann"), "account": asAccount("embed", "1")} {
		for method, body := range map[string]string{"PUT": `{"id":"other","name":"Changed"}`, "DELETE": ""} {
			t.Run(method+" by "+name, func(t *testing.T) {
				t.Parallel()
				st := &interrupted{Store: memory.New(nil)}
				s := newServer(t, st, httpapi.Options{})
				s.create(t, `{"id":"ann","linkedAccounts":[{"accountType":"embed","accountID":"1"}]}`)
				meanwhile := func() {
					s.do(t, "PUT", "/v1/users/me", `{"id":"anna","linkedAccounts":[]}`, as("ann")).want(t, 200)
				}
				st.first.Store(&meanwhile)
				s.do(t, method, "/v1/users/me", body, acting).wantCode(t, 401, "UNKNOWN_ACTING_USER")
				if u := s.do(t, "GET", "/v1/users/anna", "").want(t, 200).user(t); u.Name != "" {
					t.Errorf("it was changed: %+v", u)
				}

				s.do(t, "PUT", "/v1/users/me", `{"id":"ann","linkedAccounts":[{"accountType":"embed","accountID":"1"}]}`, as("anna")).want(t, 200)
				meanwhile = func() {
					s.do(t, "PUT", "/v1/users/me", `{"id":"ann","email":"ann@example.com"}`, as("ann")).want(t, 200)
				}
				st.first.Store(&meanwhile) // which takes no name away
				if a := s.do(t, method, "/v1/users/me", body, acting); a.Status/100 != 2 {
					t.Errorf("got %d %s", a.Status, a.Body)
				}
			})
		}
	}
}

// TestRacingRenames: who was renamed away is no longer there to act as.
func TestRacingRenames(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"id":"ann"}`)
	renamed := 0
	for _, a := range together(32, func(i int) answer {
		return s.do(t, "PUT", "/v1/users/me", fmt.Sprintf(`{"id":"ann-%d"}`, i), as("ann"))
	}) {
		if a.Status == http.StatusOK {
			renamed++
		} else {
			a.wantCode(t, http.StatusUnauthorized, "UNKNOWN_ACTING_USER")
		}
	}
	if renamed != 1 {
		t.Errorf("ann was renamed %d times", renamed)
	}
}

// TestRacingDeletes: a user is deleted once, and then nobody acts as it.
func TestRacingDeletes(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"id":"ann","linkedAccounts":[{"accountType":"embed","accountID":"1"}]}`)
	deleted := 0
	for _, a := range together(32, func(i int) answer {
		if i%2 == 0 {
			return s.do(t, "PUT", "/v1/users/me", fmt.Sprintf(`{"id":"ann","name":"N%d"}`, i), asAccount("embed", "1"))
		}
		return s.do(t, "DELETE", "/v1/users/me", "", as("ann"))
	}) {
		switch a.Status {
		case http.StatusNoContent:
			deleted++
		case http.StatusOK:
		default:
			a.wantCode(t, http.StatusUnauthorized, "UNKNOWN_ACTING_USER")
		}
	}
	if users := apitest.StateOf(t, s.users.Tenant("acme")).Users; deleted != 1 || len(users) != 0 {
		t.Errorf("deleted %d times, and %d users are left", deleted, len(users))
	}
}
