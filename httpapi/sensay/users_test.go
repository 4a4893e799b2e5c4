package sensay_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// TestPolicyOfTheHost: a policy of the host changes only the fields that it sets, and an
// index changes none. A policy of the Manager replaces both.
func TestPolicyOfTheHost(t *testing.T) {
	t.Parallel()
	vendors := func(s *server) {
		t.Helper()
		s.create(t, `{"id":"`+strings.Repeat("a", 255)+`","email":"ann@example.com"}`)
		s.post(t, `{"email":"ann@example.com"}`).refused(t, "EMAIL_EXISTS")
		s.post(t, `{"linkedAccounts":[{"accountID":"1","accountType":"slack"}]}`).refused(t, "INVALID")
		s.me(t, asAccount("slack", "1")).refused(t, "UNKNOWN_ACTING_USER")
	}
	s := newServer(t, nil, httpapi.Options{Policy: enduser.Policy{MaxName: 3}})
	s.post(t, `{"name":"Anna"}`).refused(t, "INVALID")
	s.create(t, `{"name":"Ann"}`)
	vendors(s)

	s = newServer(t, nil, httpapi.Options{Policy: enduser.Policy{AccountTypes: []string{"github"}}})
	s.post(t, `{"name":"`+strings.Repeat("a", 51)+`"}`).refused(t, "INVALID")
	s.create(t, `{"linkedAccounts":[{"accountID":"1","accountType":"github"}]}`)
	s.me(t, asAccount("github", "1")).want(t, 200)
	vendors(s)

	s = newServerOf(t, &enduser.Options{Schema: func(string) enduser.Schema {
		return enduser.Schema{IndexedMetadata: []string{"plan"}}
	}})
	s.post(t, `{"name":"`+strings.Repeat("a", 51)+`"}`).refused(t, "INVALID")
	vendors(s)

	s = newServerOf(t, &enduser.Options{Policy: func(string) (enduser.Policy, bool) {
		return enduser.Policy{MaxName: 60}, true
	}})
	s.create(t, `{"name":"`+strings.Repeat("a", 60)+`","email":"ann@example.com"}`)
	s.create(t, `{"email":"ann@example.com","linkedAccounts":[{"accountID":"1","accountType":"slack"}]}`)
}

// TestExactIDs: where the tenant compares external IDs exactly, so does this family.
func TestExactIDs(t *testing.T) {
	t.Parallel()
	s := newServerOf(t, &enduser.Options{Schema: func(string) enduser.Schema { return enduser.Schema{ExactIDs: true} }})
	s.create(t, `{"id":"ann","name":"First"}`)
	s.create(t, `{"id":"Ann","name":"Second"}`)
	s.get(t, "ANN").refused(t, "USER_NOT_FOUND")
	for id, name := range map[string]string{"ann": "First", "Ann": "Second"} {
		if u := s.me(t, as(id)).want(t, 200).user(t); u.Name != name {
			t.Errorf("%s is %+v", id, u)
		}
	}
	s.put(t, as("ann"), `{"id":"Ann"}`).refused(t, "USER_EXISTS")
	s.put(t, as("Ann"), `{"id":"ANN"}`).want(t, 200) // another ID
	s.me(t, as("Ann")).refused(t, "UNKNOWN_ACTING_USER")
	s.get(t, "ANN").want(t, 200)
	s.post(t, `{"id":"me"}`).refused(t, "INVALID")
}

// TestEdges: n is accepted and n+1 is not.
func TestEdges(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	accounts := func(n int, id string) string {
		var items []string
		for i := range n {
			items = append(items, `{"accountType":"embed","accountID":"`+id+strconv.Itoa(i)+`"}`)
		}
		return `{"linkedAccounts":[` + strings.Join(items, ",") + `]}`
	}
	for name, body := range map[string]func(n int) string{
		"id 255":        func(n int) string { return `{"id":"` + strings.Repeat("é", 255+n) + `"}` },
		"name 50":       func(n int) string { return `{"name":"` + strings.Repeat("a", 50+n) + `"}` },
		"accountID 256": func(n int) string { return accounts(1, strings.Repeat("a", 255+n)) },
		"16 accounts":   func(n int) string { return accounts(16+n, "") },
	} {
		s.post(t, body(1)).refused(t, "INVALID")
		if got := s.post(t, body(0)); got.Status != 200 {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	for c := range rune(0x180) {
		want := 400
		if c < 0x80 && strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ().,'-/", c) || c == '\u00a0' {
			want = 200
		}
		name := strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(string(c))
		if a := s.post(t, `{"name":"`+name+`"}`); a.Status != want {
			t.Errorf("a name with %U: got %d, want %d", c, a.Status, want)
		}
	}
}

// TestRepeatedCreate: a repeated create leaves one user. Its answer is that the id is
// taken, whatever else is.
func TestRepeatedCreate(t *testing.T) {
	t.Parallel()
	const email, account = `"email":"ann@example.com"`, `"linkedAccounts":[{"accountID":"1","accountType":"embed"}]`
	for _, body := range []string{`{"id":"ann"}`, `{"id":"ann",` + email + `}`, `{"id":"ann",` + account + `}`, `{"id":"ann",` + email + `,` + account + `}`} {
		s := newServer(t, nil, httpapi.Options{})
		s.create(t, body)
		for range 2 {
			s.post(t, body).refused(t, "USER_EXISTS")
		}
		if n := len(apitest.StateOf(t, s.acme()).Changes); n != 1 {
			t.Errorf("%s: %d changes", body, n)
		}
	}
}

// TestIdentity: a user goes by its external ID and, in any case, by its own ID.
func TestIdentity(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"id":"Ann"}`)
	ann, err := s.acme().Get(t.Context(), enduser.ByExternalID("ann"))
	if err != nil {
		t.Fatal(err)
	}
	plain := s.create(t, `{}`).ID

	// Another spelling of the id, or its own ID, changes nothing.
	version := s.get(t, "ann").Header.Get("ETag")
	for _, id := range []string{"ANN", "ann", "Ann", ann.ID} {
		for _, a := range []answer{s.get(t, id), s.me(t, as(id)), s.put(t, as("ann"), `{"id":"`+id+`"}`)} {
			if u := a.want(t, 200).user(t); u.ID != "Ann" || a.Header.Get("ETag") != version {
				t.Errorf("%s: ETag %s, was %s: %s", id, a.Header.Get("ETag"), version, a.Body)
			}
		}
	}
	// Nobody can take the ID that a user goes by.
	for _, id := range []string{plain, strings.ToUpper(plain)} {
		s.post(t, `{"id":"`+id+`"}`).refused(t, "USER_EXISTS")
		s.put(t, as("ann"), `{"id":"`+id+`"}`).refused(t, "USER_EXISTS")
		for _, a := range []answer{s.get(t, id), s.me(t, as(id)), s.put(t, as(id), `{"id":"`+id+`"}`)} {
			if u := a.want(t, 200).user(t); u.ID != plain {
				t.Errorf("%s: %s", id, a.Body)
			}
		}
	}
	if u, err := s.acme().Get(t.Context(), enduser.ByID(plain)); err != nil || u.ExternalID != "" {
		t.Errorf("the user without external ID got %q, %v", u.ExternalID, err)
	}
	// It keeps naming its user, and never names another.
	s.put(t, as(plain), `{"id":"renamed"}`).want(t, 200)
	s.post(t, `{"id":"`+plain+`"}`).refused(t, "USER_EXISTS")
	s.put(t, as("ann"), `{"id":"`+plain+`"}`).refused(t, "USER_EXISTS")
	for _, a := range []answer{s.get(t, plain), s.me(t, as(plain))} {
		if u := a.want(t, 200).user(t); u.ID != "renamed" {
			t.Errorf("the ID names %s", a.Body)
		}
	}
}

// TestUsersFromElsewhere: a user that another family wrote is shown and kept, and can be
// sent back, though no body of this family could have made it.
func TestUsersFromElsewhere(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	for _, tt := range []struct {
		spec  enduser.Spec
		shown user
	}{
		{enduser.Spec{
			ExternalID: "me", Name: "Zoë \"Z\" Ωmega", FirstName: "Zoë", Email: "zoe@example.com", Groups: []string{"g1"},
			Accounts: []enduser.Account{{Type: "github", ID: "1"}}, Metadata: enduser.Metadata{"plan": enduser.String("pro")},
		}, user{true, "me", "Zoë \"Z\" Ωmega", "zoe@example.com", []account{{"1", "github"}}}},
		{enduser.Spec{ExternalID: "derived", FirstName: "Zoë", LastName: "Ω"}, user{true, "derived", "Zoë Ω", "", []account{}}},
	} {
		made, err := s.acme().Create(t.Context(), tt.spec)
		if err != nil {
			t.Fatal(err)
		}
		acting := as(tt.spec.ExternalID)
		a := s.me(t, acting).want(t, 200)
		if diff := cmp.Diff(tt.shown, a.user(t)); diff != "" {
			t.Error(diff)
		}
		if again := s.put(t, acting, a.Body).want(t, 200); again.Body != a.Body || again.Header.Get("ETag") != a.Header.Get("ETag") {
			t.Errorf("sent back it became %s", again.Body)
		}
		s.put(t, acting, `{"id":"new-`+tt.spec.ExternalID+`","name":"Zoe"}`).want(t, 200)
		u, err := s.acme().Get(t.Context(), enduser.ByID(made.ID))
		if err != nil {
			t.Fatal(err)
		}
		changed := made.Clone()
		changed.ExternalID, changed.Name = "new-"+tt.spec.ExternalID, "Zoe"
		changed.Revision, changed.Version, changed.UpdatedBy = u.Revision, u.Version, "crm"
		if !u.Equal(changed) {
			t.Errorf("PUT changed something else: %+v", u)
		}
	}
	s.me(t, asAccount("github", "1")).refused(t, "UNKNOWN_ACTING_USER")
	// An address that another family wrote without claiming it is taken.
	s.post(t, `{"email":" ZOE@example.com "}`).refused(t, "EMAIL_EXISTS")
}

// TestDeletedForGood: nothing of a deleted user is left, and all that was unique to it is
// free.
func TestDeletedForGood(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"id":"ann","name":"Ann","email":"ann@example.com","linkedAccounts":[{"accountID":"8035","accountType":"telegram"}]}`)
	byAccount := asAccount("telegram", "8035")
	s.delete(t, byAccount).want(t, 204)
	if users := apitest.StateOf(t, s.acme()).Users; len(users) != 0 {
		t.Errorf("%d users are left", len(users))
	}
	for _, acting := range []option{as("ann"), byAccount} {
		for _, a := range []answer{s.me(t, acting), s.put(t, acting, `{"id":"ann"}`), s.delete(t, acting)} {
			a.refused(t, "UNKNOWN_ACTING_USER")
		}
	}
	if u := s.create(t, `{"id":"ann"}`); u.Name != "" || u.Email != "" || len(u.LinkedAccounts) != 0 {
		t.Errorf("the new user has something of the old: %+v", u)
	}
	s.delete(t, as("ann")).want(t, 204)
	s.create(t, ann)
}

// TestPreconditions: If-Match takes the ETag of every answer.
func TestPreconditions(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	me := as("ann")
	first := s.post(t, `{"id":"ann"}`).want(t, 200).Header.Get("ETag")
	if a, b := s.get(t, "ann").Header.Get("ETag"), s.me(t, me).Header.Get("ETag"); a != first || b != first {
		t.Errorf("ETags %s, %s and %s of one version", first, a, b)
	}
	second := s.put(t, me, `{"id":"ann","name":"Ann"}`, with("If-Match", first)).want(t, 200).Header.Get("ETag")
	if second == first {
		t.Error("a write kept the ETag")
	}
	for code, headers := range map[string][]option{
		"PRECONDITION_FAILED": {
			with("If-Match", first), with("If-Match", `"x"`), with("If-Match", ""), with("If-Match", "W/"+second),
			with("If-None-Match", second), with("If-None-Match", "*"),
		},
		"MALFORMED_PRECONDITION": {with("If-Match", "*, "+second), with("If-Match", second+"x")},
	} {
		for _, header := range headers {
			s.put(t, me, `{"id":"x"}`, header).refused(t, code)
			s.delete(t, me, header).refused(t, code)
		}
	}
	s.post(t, `{"id":"new"}`, with("If-Match", "*")).refused(t, "PRECONDITION_FAILED")
	s.post(t, `{"id":"new"}`, with("If-None-Match", "*")).want(t, 200)
	s.post(t, `{"id":"new"}`, with("If-None-Match", "*")).want(t, 409)
	for _, a := range []answer{s.get(t, "ann", with("If-None-Match", second)), s.me(t, me, with("If-None-Match", second))} {
		if a.Status != 304 || a.Header.Get("ETag") != second {
			t.Errorf("%d with ETag %s", a.Status, a.Header.Get("ETag"))
		}
	}
	s.get(t, "ann", with("If-None-Match", first)).want(t, 200)
	s.me(t, me, with("If-None-Match", first)).want(t, 200)
	s.delete(t, me, with("If-Match", `"x", `+second)).want(t, 204)
	// A user that is gone has no version: 401 as ever.
	s.delete(t, me, with("If-Match", second)).refused(t, "UNKNOWN_ACTING_USER")
}

// TestTakenIsKept: clients read a 409 as "exists", so it makes a provisional user permanent
// that goes by what identifies the new one, and no other.
func TestTakenIsKept(t *testing.T) {
	t.Parallel()
	accounts := []enduser.Account{{Type: "discord", ID: "1"}}
	const linked = `"linkedAccounts":[{"accountType":"discord","accountID":"1"}]`
	for body, tt := range map[string]struct {
		there enduser.Spec
		code  string
		kept  bool
	}{
		`{"id":"ANN"}`:                       {enduser.Spec{ExternalID: "ann"}, "USER_EXISTS", true},
		`{` + linked + `}`:                   {enduser.Spec{Accounts: accounts}, "LINKED_ACCOUNT_EXISTS", true},
		`{"email":"A@b.example"}`:            {enduser.Spec{Email: "a@b.example"}, "EMAIL_EXISTS", true},
		`{"id":"bea",` + linked + `}`:        {enduser.Spec{Accounts: accounts}, "LINKED_ACCOUNT_EXISTS", false},
		`{"id":"bea","email":"a@b.example"}`: {enduser.Spec{Email: "a@b.example"}, "EMAIL_EXISTS", false},
	} {
		s := newServer(t, nil, httpapi.Options{})
		tt.there.ExpiresIn = enduser.ProvisionalTTL
		there, err := s.acme().Create(t.Context(), tt.there)
		if err != nil {
			t.Fatal(err)
		}
		s.post(t, body).refused(t, tt.code)
		if u, err := s.acme().Get(t.Context(), enduser.ByID(there.ID)); err != nil || u.ExpiresAt.IsZero() != tt.kept {
			t.Errorf("%s: the user is %+v, %v; want it kept: %v", body, u, err, tt.kept)
		}
	}
}
