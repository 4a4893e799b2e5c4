package sensay_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/sensay"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store/memory"
)

func TestNewFailsClosed(t *testing.T) {
	t.Parallel()
	w := apitest.NewWorld(t, memory.New(nil))
	if _, err := sensay.New(w.Users, nil, nil); err == nil {
		t.Error("New accepts no Authenticator")
	}
	if _, err := sensay.New(nil, w.Auth, nil); err == nil {
		t.Error("New accepts no users")
	}
	if _, err := sensay.New(w.Users, w.Auth, nil); err != nil {
		t.Errorf("without options: %v", err)
	}
}

// TestPolicyOfTheHost: what a policy of the host says changes that and nothing else, and
// what the tenant's users are found by changes no rule at all. A policy of the Manager
// holds as it is.
func TestPolicyOfTheHost(t *testing.T) {
	t.Parallel()
	vendors := func(s *server) {
		t.Helper()
		s.create(t, `{"id":"`+strings.Repeat("a", 255)+`","email":"ann@example.com"}`)
		s.do(t, "POST", "/v1/users", `{"email":"ann@example.com"}`).wantCode(t, 409, "EMAIL_EXISTS")
		s.do(t, "POST", "/v1/users", `{"linkedAccounts":[{"accountID":"1","accountType":"slack"}]}`).wantCode(t, 400, "INVALID")
		s.do(t, "GET", "/v1/users/me", "", asAccount("slack", "1")).wantCode(t, 401, "UNKNOWN_ACTING_USER")
	}
	s := newServer(t, nil, httpapi.Options{Policy: enduser.Policy{MaxName: 3}})
	s.do(t, "POST", "/v1/users", `{"name":"Anna"}`).wantCode(t, 400, "INVALID")
	s.create(t, `{"name":"Ann"}`)
	vendors(s)

	s = newServer(t, nil, httpapi.Options{Policy: enduser.Policy{AccountTypes: []string{"github"}}})
	s.do(t, "POST", "/v1/users", `{"name":"`+strings.Repeat("a", 51)+`"}`).wantCode(t, 400, "INVALID")
	s.create(t, `{"linkedAccounts":[{"accountID":"1","accountType":"github"}]}`)
	s.do(t, "GET", "/v1/users/me", "", asAccount("github", "1")).want(t, 200)
	vendors(s)

	s = newServerOf(t, &enduser.Options{Schema: func(string) enduser.Schema {
		return enduser.Schema{IndexedMetadata: []string{"plan"}}
	}})
	s.do(t, "POST", "/v1/users", `{"name":"`+strings.Repeat("a", 51)+`"}`).wantCode(t, 400, "INVALID")
	vendors(s)

	s = newServerOf(t, &enduser.Options{Policy: func(string) (enduser.Policy, bool) {
		return enduser.Policy{MaxName: 60}, true
	}})
	s.create(t, `{"name":"`+strings.Repeat("a", 60)+`","email":"ann@example.com"}`)
	s.create(t, `{"email":"ann@example.com","linkedAccounts":[{"accountID":"1","accountType":"slack"}]}`)
}

// TestExactIDs: where the tenant compares external IDs exactly, this family does.
func TestExactIDs(t *testing.T) {
	t.Parallel()
	s := newServerOf(t, &enduser.Options{Schema: func(string) enduser.Schema { return enduser.Schema{ExactIDs: true} }})
	s.create(t, `{"id":"ann","name":"First"}`)
	s.create(t, `{"id":"Ann","name":"Second"}`)
	s.do(t, "GET", "/v1/users/ANN", "").wantCode(t, 404, "USER_NOT_FOUND")
	for id, name := range map[string]string{"ann": "First", "Ann": "Second"} {
		if u := s.do(t, "GET", "/v1/users/me", "", as(id)).want(t, 200).user(t); u.Name != name {
			t.Errorf("%s is %+v", id, u)
		}
	}
	s.do(t, "PUT", "/v1/users/me", `{"id":"Ann"}`, as("ann")).wantCode(t, 409, "USER_EXISTS")
	s.do(t, "PUT", "/v1/users/me", `{"id":"ANN"}`, as("Ann")).want(t, 200) // another ID
	s.do(t, "GET", "/v1/users/me", "", as("Ann")).wantCode(t, 401, "UNKNOWN_ACTING_USER")
	s.do(t, "GET", "/v1/users/ANN", "").want(t, 200)
	s.do(t, "POST", "/v1/users", `{"id":"me"}`).wantCode(t, 400, "INVALID")
}

// TestEdges: n is accepted and n+1 is not.
func TestEdges(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]func(n int) string{
		"id 255":  func(n int) string { return `{"id":"` + strings.Repeat("é", 255+n) + `"}` },
		"name 50": func(n int) string { return `{"name":"` + strings.Repeat("a", 50+n) + `"}` },
		"accountID 256": func(n int) string {
			return `{"linkedAccounts":[{"accountType":"embed","accountID":"` + strings.Repeat("a", 256+n) + `"}]}`
		},
		"16 accounts": func(n int) string {
			var items []string
			for i := range 16 + n {
				items = append(items, `{"accountType":"embed","accountID":"`+strconv.Itoa(i)+`"}`)
			}
			return `{"linkedAccounts":[` + strings.Join(items, ",") + `]}`
		},
	} {
		s := newServer(t, nil, httpapi.Options{})
		s.do(t, "POST", "/v1/users", body(1)).wantCode(t, 400, "INVALID")
		if got := s.do(t, "POST", "/v1/users", body(0)); got.Status != 200 {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	s := newServer(t, nil, httpapi.Options{})
	for c := range rune(0x180) {
		want := 400
		if c < 0x80 && strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ().,'-/", c) || c == '\u00a0' {
			want = 200
		}
		name := strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(string(c))
		if a := s.do(t, "POST", "/v1/users", `{"name":"`+name+`"}`); a.Status != want {
			t.Errorf("a name with %U: got %d, want %d", c, a.Status, want)
		}
	}
}

// TestRepeatedCreate: a create that is repeated leaves one user, and its answer is
// the same whatever else of the body is taken by then.
func TestRepeatedCreate(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"id":"ann"}`,
		`{"id":"ann","email":"ann@example.com"}`,
		`{"id":"ann","linkedAccounts":[{"accountID":"1","accountType":"embed"}]}`,
		`{"id":"ann","email":"ann@example.com","linkedAccounts":[{"accountID":"1","accountType":"embed"}]}`,
	} {
		s := newServer(t, nil, httpapi.Options{})
		s.create(t, body)
		for range 2 {
			s.do(t, "POST", "/v1/users", body).wantCode(t, 409, "USER_EXISTS")
		}
		if n := len(apitest.StateOf(t, s.users.Tenant("acme")).Changes); n != 1 {
			t.Errorf("%s: %d changes", body, n)
		}
	}
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"email":"ann@example.com"}`)
	s.do(t, "POST", "/v1/users", `{"email":" ANN@example.com "}`).wantCode(t, 409, "EMAIL_EXISTS")
}

// TestIdentity: a user goes by its external ID, and by its own only without one.
func TestIdentity(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	acme := s.users.Tenant("acme")
	s.create(t, `{"id":"Ann"}`)
	ann, err := acme.Get(t.Context(), enduser.ByExternalID("ann"))
	if err != nil {
		t.Fatal(err)
	}
	plain := s.create(t, `{}`)

	for _, got := range []answer{
		s.do(t, "GET", "/v1/users/"+ann.ID, ""), s.do(t, "GET", "/v1/users/me", "", as(ann.ID)),
		s.do(t, "PUT", "/v1/users/me", `{"id":"`+ann.ID+`"}`, as(ann.ID)), // its own id is no other one
	} {
		if u := got.want(t, 200).user(t); u.ID != "Ann" {
			t.Errorf("by its own id: %s", got.Body)
		}
	}
	// Nobody can take the id by which a user is known, in any case.
	s.do(t, "POST", "/v1/users", `{"id":"`+strings.ToUpper(plain.ID)+`"}`).wantCode(t, 409, "USER_EXISTS")
	s.do(t, "PUT", "/v1/users/me", `{"id":"`+plain.ID+`"}`, as("ann")).wantCode(t, 409, "USER_EXISTS")
	// A spelling that is the same id changes nothing.
	version := s.do(t, "GET", "/v1/users/ann", "").Header.Get("ETag")
	for _, id := range []string{"ANN", "ann", "Ann"} {
		a := s.do(t, "PUT", "/v1/users/me", `{"id":"`+id+`"}`, as("ann")).want(t, 200)
		if a.Header.Get("ETag") != version || a.user(t).ID != "Ann" {
			t.Errorf("%s: ETag %s, was %s: %s", id, a.Header.Get("ETag"), version, a.Body)
		}
	}
	for _, id := range []string{plain.ID, strings.ToUpper(plain.ID)} {
		s.do(t, "PUT", "/v1/users/me", `{"id":"`+id+`"}`, as(plain.ID)).want(t, 200)
	}
	if u, err := acme.Get(t.Context(), enduser.ByID(plain.ID)); err != nil || u.ExternalID != "" {
		t.Errorf("the user without external ID got %q, %v", u.ExternalID, err)
	}
	// An ID that was handed out goes on naming its user, and never names another.
	s.do(t, "PUT", "/v1/users/me", `{"id":"renamed"}`, as(plain.ID)).want(t, 200)
	s.do(t, "POST", "/v1/users", `{"id":"`+plain.ID+`"}`).wantCode(t, 409, "USER_EXISTS")
	s.do(t, "PUT", "/v1/users/me", `{"id":"`+plain.ID+`"}`, as("ann")).wantCode(t, 409, "USER_EXISTS")
	for _, a := range []answer{s.do(t, "GET", "/v1/users/"+plain.ID, ""), s.do(t, "GET", "/v1/users/me", "", as(plain.ID))} {
		if u := a.want(t, 200).user(t); u.ID != "renamed" {
			t.Errorf("the ID names %s", a.Body)
		}
	}
}

// TestUsersFromElsewhere: what other families wrote is shown, kept and allowed
// back, though no body of this one could have asked for it.
func TestUsersFromElsewhere(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	acme := s.users.Tenant("acme")
	spec := enduser.Spec{
		ExternalID: "me", Name: "Zoë \"Z\" Ωmega", FirstName: "Zoë", Email: "zoe@example.com", Groups: []string{"g1"},
		Accounts: []enduser.Account{{Type: "github", ID: "1"}}, Metadata: enduser.Metadata{"plan": enduser.String("pro")},
	}
	native, err := acme.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	a := s.do(t, "GET", "/v1/users/me", "", as("me")).want(t, 200)
	want := user{true, "me", spec.Name, spec.Email, []account{{"1", "github"}}}
	if diff := cmp.Diff(want, a.user(t)); diff != "" {
		t.Error(diff)
	}
	if again := s.do(t, "PUT", "/v1/users/me", a.Body, as("me")).want(t, 200); again.Body != a.Body || again.Header.Get("ETag") != a.Header.Get("ETag") {
		t.Errorf("sent back it became %s", again.Body)
	}
	s.do(t, "GET", "/v1/users/me", "", asAccount("github", "1")).wantCode(t, 401, "UNKNOWN_ACTING_USER")
	// An address that somebody has without claiming it is still taken.
	s.do(t, "POST", "/v1/users", `{"email":"ZOE@example.com"}`).wantCode(t, 409, "EMAIL_EXISTS")

	s.do(t, "PUT", "/v1/users/me", `{"id":"zoe","name":"Zoe"}`, as("me")).want(t, 200)
	u, err := acme.Get(t.Context(), enduser.ByID(native.ID))
	if err != nil {
		t.Fatal(err)
	}
	changed := native.Clone()
	changed.ExternalID, changed.Name = "zoe", "Zoe"
	changed.Revision, changed.Version, changed.UpdatedBy = u.Revision, u.Version, "crm"
	if !u.Equal(changed) {
		t.Errorf("PUT changed more than it was asked to: %+v", u)
	}
	if u.UpdatedBy != "crm" {
		t.Errorf("the write is stamped %q", u.UpdatedBy)
	}
}

// TestDeletedForGood: nothing of a user is left, and all that was unique to it is
// free.
func TestDeletedForGood(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	acme := s.users.Tenant("acme")
	const body = `{"id":"ann","name":"Ann","email":"ann@example.com","linkedAccounts":[{"accountID":"1","accountType":"embed"}]}`
	s.create(t, body)
	s.do(t, "DELETE", "/v1/users/me", "", asAccount("embed", "1")).want(t, 204)
	for _, ref := range []enduser.Ref{enduser.ByExternalID("ann"), enduser.ByEmail("ann@example.com"), enduser.ByAccount(enduser.Account{Type: "embed", ID: "1"})} {
		if u, err := acme.Get(t.Context(), ref); err == nil {
			t.Errorf("%s still names %s", ref, u)
		}
	}
	if users := apitest.StateOf(t, acme).Users; len(users) != 0 {
		t.Errorf("%d users are left", len(users))
	}
	for _, option := range []option{as("ann"), asAccount("embed", "1")} {
		s.do(t, "GET", "/v1/users/me", "", option).wantCode(t, 401, "UNKNOWN_ACTING_USER")
		s.do(t, "PUT", "/v1/users/me", `{"id":"ann"}`, option).wantCode(t, 401, "UNKNOWN_ACTING_USER")
		s.do(t, "DELETE", "/v1/users/me", "", option).wantCode(t, 401, "UNKNOWN_ACTING_USER")
	}
	if u := s.create(t, `{"id":"ann"}`); u.Name != "" || u.Email != "" || len(u.LinkedAccounts) != 0 {
		t.Errorf("the new user has something of the old: %+v", u)
	}
	s.do(t, "DELETE", "/v1/users/me", "", as("ann")).want(t, 204)
	s.create(t, body)
}

// TestPreconditions: the ETag of any answer is one that If-Match takes.
func TestPreconditions(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	first := s.do(t, "POST", "/v1/users", `{"id":"ann"}`).want(t, 200).Header.Get("ETag")
	get := func(path string, options ...option) string {
		return s.do(t, "GET", path, "", options...).want(t, 200).Header.Get("ETag")
	}
	if a, b := get("/v1/users/ann"), get("/v1/users/me", as("ann")); a != first || b != first {
		t.Errorf("ETags %s, %s and %s of one version", first, a, b)
	}
	second := s.do(t, "PUT", "/v1/users/me", `{"id":"ann","name":"Ann"}`, as("ann"), with("If-Match", first)).want(t, 200).Header.Get("ETag")
	if second == first {
		t.Error("a write kept the ETag")
	}
	for _, stale := range []string{first, `"x"`, "", "W/" + second} {
		s.do(t, "PUT", "/v1/users/me", `{"id":"x"}`, as("ann"), with("If-Match", stale)).wantCode(t, 412, "PRECONDITION_FAILED")
		s.do(t, "DELETE", "/v1/users/me", "", as("ann"), with("If-Match", stale)).wantCode(t, 412, "PRECONDITION_FAILED")
	}
	for _, malformed := range []string{"x", "*, " + second, second + "x"} {
		s.do(t, "PUT", "/v1/users/me", `{"id":"x"}`, as("ann"), with("If-Match", malformed)).wantCode(t, 400, "MALFORMED_PRECONDITION")
	}
	s.do(t, "POST", "/v1/users", `{"id":"new"}`, with("If-Match", "*")).wantCode(t, 412, "PRECONDITION_FAILED")
	s.do(t, "POST", "/v1/users", `{"id":"new"}`, with("If-None-Match", "*")).want(t, 200)
	s.do(t, "POST", "/v1/users", `{"id":"new"}`, with("If-None-Match", "*")).want(t, 409)
	s.do(t, "PUT", "/v1/users/me", `{"id":"x"}`, as("ann"), with("If-None-Match", second)).wantCode(t, 412, "PRECONDITION_FAILED")
	s.do(t, "DELETE", "/v1/users/me", "", as("ann"), with("If-None-Match", "*")).wantCode(t, 412, "PRECONDITION_FAILED")
	for _, path := range []string{"/v1/users/ann", "/v1/users/me"} {
		acting := with("X-USER-ID")
		if path == "/v1/users/me" {
			acting = as("ann")
		}
		if a := s.do(t, "GET", path, "", acting, with("If-None-Match", second)); a.Status != 304 || a.Header.Get("ETag") != second {
			t.Errorf("%s: %d with ETag %s", path, a.Status, a.Header.Get("ETag"))
		}
		s.do(t, "GET", path, "", acting, with("If-None-Match", first)).want(t, 200)
	}
	s.do(t, "DELETE", "/v1/users/me", "", as("ann"), with("If-Match", `"x", `+second)).want(t, 204)
	// Nobody is there whose version could be another one: 401 as ever.
	s.do(t, "DELETE", "/v1/users/me", "", as("ann"), with("If-Match", second)).wantCode(t, 401, "UNKNOWN_ACTING_USER")
}

// TestFingerprints: one for an error_code and a route, whatever the request was.
func TestFingerprints(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"id":"ann"}`)
	again := newServer(t, nil, httpapi.Options{}) // of another process, so to say
	same := []string{
		s.do(t, "GET", "/v1/users/a", "").failure(t).Fingerprint,
		s.do(t, "GET", "/v1/users/b%2Fc", "").failure(t).Fingerprint,
		again.do(t, "GET", "/v1/users/ann", "", by(apitest.Other)).failure(t).Fingerprint,
	}
	others := []string{
		s.do(t, "GET", "/v1/users/a", "", by("nobody-key")).failure(t).Fingerprint,
		s.do(t, "GET", "/v1/users/me", "", by("nobody-key")).failure(t).Fingerprint,
		s.do(t, "GET", "/v1/users/me", "").failure(t).Fingerprint,
		s.do(t, "DELETE", "/v1/users/me", "").failure(t).Fingerprint,
		s.do(t, "POST", "/v1/users", `{"id":"ann"}`).failure(t).Fingerprint,
		s.do(t, "POST", "/v1/users", `{`).failure(t).Fingerprint,
		s.do(t, "POST", "/v1/users", `{"x":1}`).failure(t).Fingerprint,
		s.do(t, "GET", "/elsewhere", "").failure(t).Fingerprint,
	}
	if same[0] != same[1] || same[0] != same[2] {
		t.Errorf("one error has %q", same)
	}
	seen := map[string]bool{same[0]: true}
	for i, f := range others {
		if seen[f] {
			t.Errorf("%d: %s is another error's", i, f)
		}
		seen[f] = true
	}
}

// TestOwnIDs: a user without external ID goes by its own, in any case, as it does
// where ids are taken.
func TestOwnIDs(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	id := s.create(t, `{"name":"Ann"}`).ID
	upper := strings.ToUpper(id)
	if upper == id {
		t.Skip("the ID has no letter")
	}
	for _, spelling := range []string{id, upper} {
		s.do(t, "GET", "/v1/users/"+spelling, "").want(t, 200)
		s.do(t, "GET", "/v1/users/me", "", as(spelling)).want(t, 200)
		s.do(t, "PUT", "/v1/users/me", `{"id":"`+spelling+`"}`, as(spelling)).want(t, 200)
		s.do(t, "POST", "/v1/users", `{"id":"`+spelling+`"}`).wantCode(t, 409, "USER_EXISTS")
	}
}

// TestVary: one URL shows everybody themselves, so no cache may take one answer for
// another's.
func TestVary(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"id":"ann"}`)
	for _, a := range []answer{
		s.do(t, "GET", "/v1/users/me", "", as("ann")), s.do(t, "GET", "/v1/users/me", "", as("bob")), s.do(t, "GET", "/v1/users/ann", ""),
		s.do(t, "GET", "/v1/users/ann", "", by("nobody-key")),
	} {
		if got := a.Header.Get("Vary"); got != "X-ORGANIZATION-SECRET, X-USER-ID, X-USER-ID-TYPE" || a.Header.Get("Cache-Control") != "private" {
			t.Errorf("%d: Vary %q, Cache-Control %q", a.Status, got, a.Header.Get("Cache-Control"))
		}
	}
}

// TestDerivedName: who has a first and a last name alone is shown with both, and what is
// shown can be sent back without becoming a name.
func TestDerivedName(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	acme := s.users.Tenant("acme")
	if _, err := acme.Create(t.Context(), enduser.Spec{ExternalID: "zoe", FirstName: "Zoë", LastName: "Ω"}); err != nil {
		t.Fatal(err)
	}
	a := s.do(t, "GET", "/v1/users/zoe", "").want(t, 200)
	if u := a.user(t); u.Name != "Zoë Ω" {
		t.Errorf("shown as %s", a.Body)
	}
	back := s.do(t, "PUT", "/v1/users/me", a.Body, as("zoe")).want(t, 200)
	if back.Body != a.Body || back.Header.Get("ETag") != a.Header.Get("ETag") {
		t.Errorf("sent back it became %s", back.Body)
	}
	s.do(t, "PUT", "/v1/users/me", `{"id":"zoe","name":"Zoe"}`, as("zoe")).want(t, 200)
	if u, err := acme.Get(t.Context(), enduser.ByExternalID("zoe")); err != nil || u.Name != "Zoe" || u.FirstName != "Zoë" {
		t.Errorf("renamed: %+v, %v", u, err)
	}
}

// TestTakenIsKept: clients take a 409 for "exists", so a provisional user who goes by what
// identifies the new one stays from then on, and no other.
func TestTakenIsKept(t *testing.T) {
	t.Parallel()
	account := []enduser.Account{{Type: "discord", ID: "1"}}
	const linked = `"linkedAccounts":[{"accountType":"discord","accountID":"1"}]`
	for body, tt := range map[string]struct {
		there enduser.Spec
		code  string
		kept  bool
	}{
		`{"id":"ANN"}`:                       {enduser.Spec{ExternalID: "ann"}, "USER_EXISTS", true},
		`{` + linked + `}`:                   {enduser.Spec{Accounts: account}, "LINKED_ACCOUNT_EXISTS", true},
		`{"email":"A@b.example"}`:            {enduser.Spec{Email: "a@b.example"}, "EMAIL_EXISTS", true},
		`{"id":"bea",` + linked + `}`:        {enduser.Spec{Accounts: account}, "LINKED_ACCOUNT_EXISTS", false},
		`{"id":"bea","email":"a@b.example"}`: {enduser.Spec{Email: "a@b.example"}, "EMAIL_EXISTS", false},
	} {
		s := newServer(t, nil, httpapi.Options{})
		acme := s.users.Tenant("acme")
		tt.there.ExpiresIn = enduser.ProvisionalTTL
		there, err := acme.Create(t.Context(), tt.there)
		if err != nil {
			t.Fatal(err)
		}
		s.do(t, "POST", "/v1/users", body).wantCode(t, 409, tt.code)
		if u, err := acme.Get(t.Context(), enduser.ByID(there.ID)); err != nil || u.ExpiresAt.IsZero() != tt.kept {
			t.Errorf("%s: the user is %+v, %v; want it kept: %v", body, u, err, tt.kept)
		}
	}
}
