package sensay_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/internal/testing/atonce"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func TestHeaders(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, ann)
	s.create(t, `{"id":"victim"}`, by(apitest.Other))
	secret := func(values ...string) option { return with("X-ORGANIZATION-SECRET", values...) }
	acting := func(values ...string) option { return with("X-USER-ID", values...) }
	typed := func(id string, types ...string) option {
		return func(r *http.Request) {
			as(id)(r)
			with("X-USER-ID-TYPE", types...)(r)
		}
	}
	version := func(values ...string) option { return with("X-API-Version", values...) }
	const organization, nobody, anyDate = "UNAUTHORIZED", "UNKNOWN_ACTING_USER", "INVALID_API_VERSION"
	for name, tt := range map[string]struct {
		target string
		option option
		code   string // "": 200
	}{
		"list of secrets":  {"ann", secret(apitest.Acme + ", " + apitest.Other), organization},
		"bearer as secret": {"ann", secret("Bearer " + apitest.Acme), organization},
		"trailing space":   {"ann", secret(apitest.Acme + " "), organization},
		"long secret":      {"ann", secret(strings.Repeat("a", 1<<16)), organization},
		"secret in other places": {"ann", func(r *http.Request) {
			r.Header.Del("X-ORGANIZATION-SECRET")
			for _, name := range []string{"Authorization", "X-Api-Key", "Cookie", "X_organization_secret"} {
				r.Header.Set(name, apitest.Acme)
			}
			r.URL.RawQuery = "X-ORGANIZATION-SECRET=" + apitest.Acme
		}, organization},
		"another name of the tenant": {"victim", func(r *http.Request) {
			for _, name := range []string{"X-Forwarded-Host", "X-Tenant-Id", "X-Organization-Id", "X-Environment"} {
				r.Header.Set(name, "other")
			}
		}, "USER_NOT_FOUND"},

		"no acting user":               {"me", acting(), nobody},
		"empty acting user":            {"me", acting(""), nobody},
		"two acting users":             {"me", acting("ann", "ann"), nobody},
		"list of acting users":         {"me", acting("ann, ann"), nobody},
		"long acting user":             {"me", acting(strings.Repeat("a", 1<<16)), nobody},
		"acting user not in UTF-8":     {"me", acting("\xff"), nobody},
		"acting user with NUL":         {"me", acting("ann\x00"), nobody},
		"acting user called me":        {"me", acting("me"), nobody},
		"e-mail as acting user":        {"me", acting("ann@example.com"), nobody},
		"account without a type":       {"me", acting("8035"), nobody},
		"by account":                   {"me", typed("8035", "telegram"), ""},
		"empty type":                   {"me", typed("ann", ""), nobody},
		"type in another case":         {"me", typed("8035", "Telegram"), nobody},
		"two types":                    {"me", typed("8035", "telegram", "telegram"), nobody},
		"id with a type":               {"me", typed("ann", "telegram"), nobody},
		"acting as nobody there":       {"ann", acting("bob"), ""},
		"acting as an empty one there": {"ann", acting(""), ""},
		"type alone there":             {"ann", with("X-USER-ID-TYPE", "telegram"), ""},

		"old version":      {"ann", version("0001-01-01"), ""},
		"two versions":     {"ann", version("2025-03-25", "2025-03-25"), anyDate},
		"list of versions": {"ann", version("2025-03-25,2025-03-25"), anyDate},
		"month 13":         {"ann", version("2024-13-01"), anyDate},
		"five digits":      {"ann", version("12024-01-01"), anyDate},
		"other digits":     {"ann", version("٢٠٢٤-01-01"), anyDate},
		"long version":     {"ann", version(strings.Repeat("2", 1<<16)), anyDate},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if a := s.get(t, tt.target, tt.option); tt.code == "" {
				a.want(t, 200)
			} else {
				a.refused(t, tt.code)
			}
		})
	}
}

// inSomeCase returns a text with the i-th choice of capital letters.
func inSomeCase(text string, i int) string {
	at := -1
	return strings.Map(func(r rune) rune {
		if at++; i>>(at%6)&1 == 1 && 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, text)
}

// TestRaces: of concurrent requests that exclude each other one succeeds.
func TestRaces(t *testing.T) {
	t.Parallel()
	account := `"linkedAccounts":[{"accountType":"telegram","accountID":"8035"}]`
	for name, tt := range map[string]struct {
		send func(s *server, i int) answer
		code string // of those that lose
		left int    // users
	}{
		"creates of an id": {func(s *server, i int) answer {
			return s.post(t, `{"id":"`+inSomeCase("bob-lee", i)+`"}`)
		}, "USER_EXISTS", 2},
		"creates of an address": {func(s *server, i int) answer {
			return s.post(t, fmt.Sprintf(`{"id":"u%d","email":%q}`, i, inSomeCase("bob@example.com", i)))
		}, "EMAIL_EXISTS", 2},
		"creates of an account": {func(s *server, i int) answer {
			return s.post(t, fmt.Sprintf(`{"name":"N%d",%s}`, i, account))
		}, "LINKED_ACCOUNT_EXISTS", 2},
		"renames": {func(s *server, i int) answer {
			return s.put(t, as("ann"), fmt.Sprintf(`{"id":"ann-%d"}`, i))
		}, "UNKNOWN_ACTING_USER", 1},
		"deletes": {func(s *server, _ int) answer { return s.delete(t, as("ann")) }, "UNKNOWN_ACTING_USER", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			apitest.Embedded(t, func(t *testing.T, st store.Store) {
				s := newServer(t, st, httpapi.Options{})
				s.create(t, `{"id":"ann"}`)
				won := 0
				for _, a := range atonce.Collect(32, func(i int) answer { return tt.send(s, i) }) {
					if a.Status/100 == 2 {
						won++
					} else {
						a.refused(t, tt.code)
					}
				}
				if users := apitest.StateOf(t, s.acme()).Users; won != 1 || len(users) != tt.left {
					t.Errorf("%d succeeded, and %d users exist", won, len(users))
				}
			})
		})
	}
}

// TestRacingUpdates: concurrent updates of one user are all done; with If-Match one is.
func TestRacingUpdates(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"id":"ann"}`)
	const n = 32
	versions := map[string]bool{}
	for i, a := range atonce.Collect(n, func(i int) answer {
		return s.put(t, as("ann"), fmt.Sprintf(`{"id":"ann","name":"N%d"}`, i))
	}) {
		if u := a.want(t, 200).user(t); u.Name != fmt.Sprintf("N%d", i) {
			t.Errorf("%d was answered with %q", i, u.Name)
		}
		versions[a.Header.Get("ETag")] = true
	}
	etag, won := s.get(t, "ann").Header.Get("ETag"), 0
	for _, a := range atonce.Collect(n, func(i int) answer {
		return s.put(t, as("ann"), fmt.Sprintf(`{"id":"ann","name":"M%d"}`, i), with("If-Match", etag))
	}) {
		if a.Status == http.StatusOK {
			won++
		} else {
			a.refused(t, "PRECONDITION_FAILED")
		}
	}
	if len(versions) != n || won != 1 {
		t.Errorf("%d versions for %d writes; %d writes found the same version", len(versions), n, won)
	}
}

// interrupted is a store that calls a function once, right before a write.
type interrupted struct {
	store.Store
	first atomic.Pointer[func()]
}

func (i *interrupted) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	if first := i.first.Swap(nil); first != nil {
		(*first)()
	}
	return i.Store.Apply(ctx, tenant, b)
}

// TestChangedMeanwhile: a user that loses the name under which a request acts is not
// written by that request. A user that changes otherwise is.
func TestChangedMeanwhile(t *testing.T) {
	t.Parallel()
	const account = `"linkedAccounts":[{"accountType":"embed","accountID":"1"}]`
	for name, acting := range map[string]option{"id": as("ann"), "account": asAccount("embed", "1")} {
		for method, body := range map[string]string{"PUT": `{"id":"other","name":"Changed"}`, "DELETE": ""} {
			t.Run(method+" by "+name, func(t *testing.T) {
				t.Parallel()
				st := &interrupted{Store: memory.New(nil)}
				s := newServer(t, st, httpapi.Options{})
				s.create(t, `{"id":"ann",`+account+`}`)
				change := func() { s.put(t, as("ann"), `{"id":"anna","linkedAccounts":[]}`).want(t, 200) }
				st.first.Store(&change)
				s.do(t, method, "/v1/users/me", body, acting).refused(t, "UNKNOWN_ACTING_USER")
				if u := s.get(t, "anna").want(t, 200).user(t); u.Name != "" {
					t.Errorf("it was changed: %+v", u)
				}
				s.put(t, as("anna"), `{"id":"ann",`+account+`}`).want(t, 200)
				change = func() { s.put(t, as("ann"), `{"id":"ann","email":"ann@example.com"}`).want(t, 200) }
				st.first.Store(&change)
				if a := s.do(t, method, "/v1/users/me", body, acting); a.Status/100 != 2 {
					t.Errorf("got %d %s", a.Status, a.Body)
				}
			})
		}
	}
}
