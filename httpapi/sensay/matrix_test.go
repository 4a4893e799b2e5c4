package sensay_test

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

var requestID = regexp.MustCompile(`"request_id":"[^"]*"`)

func (a answer) masked() string { return requestID.ReplaceAllString(a.Body, `"request_id":""`) }

// TestOthersUsersAreMissing names another tenant's, or another environment's, users
// in every place of every route where a request can name one. The answer is the one
// for a user that does not exist, and the victim's users and feed stay as they are.
func TestOthersUsersAreMissing(t *testing.T) {
	t.Parallel()
	backends := map[string]func(testing.TB) store.Store{
		"memory": func(testing.TB) store.Store { return memory.New(nil) },
		"sqlite": apitest.SQLite,
	}
	for backend, open := range backends {
		for name, attacker := range map[string]string{"tenant": apitest.Other, "environment": apitest.Testing} {
			t.Run(backend+"/"+name, func(t *testing.T) {
				t.Parallel()
				testOthersUsersAreMissing(t, newServer(t, open(t), httpapi.Options{}), attacker)
			})
		}
	}
}

// names is how a request can name one user.
type names struct{ id, email, accountID string }

func testOthersUsersAreMissing(t *testing.T, s *server, attacker string) {
	t.Helper()
	victim := s.create(t, `{"id":"victim","name":"Ann","email":"ann@example.com","linkedAccounts":[{"accountID":"8035","accountType":"telegram"}]}`)
	unnamed := s.create(t, `{"email":"bob@example.com","linkedAccounts":[{"accountID":"8036","accountType":"telegram"}]}`)
	etag := s.do(t, "GET", "/v1/users/"+victim.ID, "").Header.Get("ETag")
	acme := s.users.Tenant("acme")
	before := apitest.StateOf(t, acme)
	own, err := acme.Get(t.Context(), enduser.ByExternalID(victim.ID))
	if err != nil {
		t.Fatal(err)
	}

	missing := names{"nobody", "nobody@example.com", "9999"}
	victims := []names{
		{victim.ID, victim.Email, "8035"},
		{"VICTIM", "ANN@example.com", "8035"},
		{unnamed.ID, unnamed.Email, "8036"},
		{own.ID, victim.Email, "8035"},
	}
	headers := map[string][]option{
		"plain":             nil,
		"If-Match":          {with("If-Match", etag)},
		"If-Match any":      {with("If-Match", "*")},
		"If-None-Match":     {with("If-None-Match", etag)},
		"tenant in headers": {with("X-Tenant-Id", "acme"), with("X-Organization-Id", "acme"), with("X-Environment", "Customer")},
	}
	cells := 0
	want := cellsOf(missing)
	for _, named := range victims {
		for i, cell := range cellsOf(named) {
			for header, options := range headers {
				cells++
				got, want := cell.send(t, s, attacker, options), want[i].send(t, s, attacker, options)
				if got.Status < 400 || got.Status != want.Status || got.masked() != want.masked() {
					t.Errorf("%s, %s, %+v: got %d %s\nwant %d %s", cell.name, header, named, got.Status, got.Body, want.Status, want.Body)
				}
				got.Header.Del("X-Request-Id")
				want.Header.Del("X-Request-Id")
				if diff := cmp.Diff(want.Header, got.Header); diff != "" {
					t.Errorf("%s, %s, %+v: headers differ:\n%s", cell.name, header, named, diff)
				}
			}
		}
	}

	// What is unique is unique to a tenant's environment: taking the victim's names
	// makes, and renames, users of the attacker's own.
	mine := s.create(t, `{"id":"victim","email":"ann@example.com","linkedAccounts":[{"accountID":"8035","accountType":"telegram"}]}`, by(attacker))
	if mine.ID != "victim" || mine.Name != "" {
		t.Errorf("the attacker got %+v", mine)
	}
	s.do(t, "PUT", "/v1/users/me", `{"id":"`+unnamed.ID+`","name":"Eve","email":"bob@example.com"}`, by(attacker), as("victim")).want(t, 200)
	s.do(t, "GET", "/v1/users/me", "", by(attacker), asAccount("telegram", "8035")).want(t, 200)
	s.do(t, "DELETE", "/v1/users/me", "", by(attacker), as(unnamed.ID)).want(t, 204)
	cells += 4

	if diff := cmp.Diff(before, apitest.StateOf(t, acme)); diff != "" {
		t.Errorf("the victim's users or feed changed:\n%s", diff)
	}
	if cells < 100 {
		t.Errorf("only %d cells were tried", cells)
	}
}

// cell is one way to name a user in one route.
type cell struct {
	name, method, path, body string
	acting                   option
}

func (c *cell) send(tb testing.TB, s *server, attacker string, options []option) answer {
	tb.Helper()
	options = append([]option{by(attacker)}, options...)
	if c.acting != nil {
		options = append(options, c.acting)
	}
	return s.do(tb, c.method, c.path, c.body, options...)
}

// cellsOf returns every way to name a user, but for those that make users.
func cellsOf(n names) []cell {
	const me = "/v1/users/me"
	path := "/v1/users/" + n.id
	body := `{"id":"` + n.id + `","email":"` + n.email + `","linkedAccounts":[{"accountID":"` + n.accountID + `","accountType":"telegram"}]}`
	account := asAccount("telegram", n.accountID)
	return []cell{
		{"getUser", "GET", path, "", nil},
		{"getUser, acting", "GET", path, "", as(n.id)},
		{"getCurrentUser", "GET", me, "", as(n.id)},
		{"getCurrentUser by account", "GET", me, "", account},
		{"getCurrentUser by account without type", "GET", me, "", as(n.accountID)},
		{"getCurrentUser by e-mail", "GET", me, "", as(n.email)},
		{"updateCurrentUser", "PUT", me, body, as(n.id)},
		{"updateCurrentUser, renaming", "PUT", me, `{"id":"x"}`, as(n.id)},
		{"updateCurrentUser by account", "PUT", me, body, account},
		{"updateCurrentUser, malformed", "PUT", me, `{`, as(n.id)},
		{"deleteCurrentUser", "DELETE", me, "", as(n.id)},
		{"deleteCurrentUser by account", "DELETE", me, "", account},
		{"deleteCurrentUser by account of another type", "DELETE", me, "", asAccount("discord", n.accountID)},
	}
}
