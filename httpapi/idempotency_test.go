package httpapi_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/internal/testing/atonce"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func keyed(key string) option { return with("Idempotency-Key", key) }

// TestOneKeyManyRequests: of 100 requests at once with one key, to two servers over one store,
// one has an effect; the others are answered the same, or that it is running.
func TestOneKeyManyRequests(t *testing.T) {
	t.Parallel()
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		st, sealing := open(t), keyring(t)
		servers := []*server{
			newServerOf(t, st, &enduser.Options{Keyring: sealing}, auth(t), nil),
			newServerOf(t, st, &enduser.Options{Keyring: sealing}, auth(t), nil),
		}
		for what, r := range map[string]struct{ method, path, body string }{
			"nameless": {"POST", "/v1/end-users", `{"name":"Ann"}`},
			"create":   {"POST", "/v1/end-users?on_conflict=fail", `{"external_id":"a"}`},
			"upsert":   {"PUT", "/v1/end-users/by-external-id/b", `{"name":"Ann"}`},
			"group":    {"POST", "/v1/groups", `{"external_id":"a"}`},
		} {
			before := len(servers[0].wholeFeed(t).Data)
			answers := atonce.Collect(100, func(i int) answer {
				return servers[i%2].do(t, r.method, r.path, r.body, keyed(what))
			})
			firsts, body := 0, ""
			for _, a := range answers {
				switch {
				case a.Status == http.StatusConflict:
					a.wantCode(t, http.StatusConflict, "idempotency-in-progress")
					continue
				case a.Status != http.StatusCreated:
					t.Errorf("%s: %d %s", what, a.Status, a.Body)
				case a.Header.Get("Idempotent-Replayed") == "":
					firsts++
				}
				if body == "" {
					body = a.Body
				}
				if a.Body != body {
					t.Errorf("%s: %s, and %s", what, a.Body, body)
				}
			}
			if changes := len(servers[0].wholeFeed(t).Data) - before; firsts != 1 || changes != 1 {
				t.Errorf("%s: %d were first, %d changes", what, firsts, changes)
			}
		}
	})
}

// TestWhoseKey: a key belongs to the credential, in its environment, and to the person.
func TestWhoseKey(t *testing.T) {
	t.Parallel()
	st := memory.New(nil)
	who := func(r *http.Request, _ string) (httpapi.Principal, error) {
		return httpapi.Principal{Tenant: "acme", Credential: r.Header.Get("Name"), Actor: r.Header.Get("Actor")}, nil
	}
	s := newServerOf(t, st, nil, who, nil)
	create := func(options ...option) string {
		a := s.do(t, "POST", "/v1/end-users", `{"name":"Ann"}`, append(options, keyed("k"))...).want(t, 201)
		return a.Header.Get("Location")
	}
	seen := map[string]int{}
	for i, options := range [][]option{
		{as("one")},
		{as("two")},
		{as("one"), with("Actor", "ann")},
		{with("Authorization")},
		{with("Authorization"), with("Actor", "ann")},
		{as("one"), with("Name", "app")},
		{as("one"), with("Name", "app"), with("Actor", "ann")},
	} {
		made := create(options...)
		if other, is := seen[made]; is {
			t.Errorf("%d and %d share a key", other, i)
		}
		seen[made] = i
		if again := create(options...); again != made {
			t.Errorf("%d: %s again, was %s", i, again, made)
		}
	}
	if again := create(as("renewed"), with("Name", "app")); seen[again] != 5 {
		t.Error("a new token of a credential with a name does not know its keys")
	}
}

// TestRefusedRequestsLeaveTheKeyFree: a 409 is answered again, though its request has made the
// user permanent, and the key stays free.
func TestRefusedRequestsLeaveTheKeyFree(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	u := s.create(t, `{"external_id":"a","provisional":true}`)
	for range 2 {
		s.do(t, "POST", "/v1/end-users?on_conflict=fail", `{"external_id":"a"}`, keyed("k")).wantCode(t, 409, "conflict")
	}
	if got := members(t, s.do(t, "GET", "/v1/end-users/"+u.ID, "").want(t, 200)); got["expires_at"] != nil {
		t.Errorf("the user expires at %v", got["expires_at"])
	}
	s.do(t, "PATCH", "/v1/end-users/"+u.ID, `{"name":"Ann"}`, keyed("k")).want(t, 200)
	s.do(t, "PATCH", "/v1/end-users/"+u.ID, `{"name":"Bob"}`, keyed("k")).wantCode(t, 422, "idempotency-mismatch")
}

// TestReplaysAndRights: a repeated create shows what it made as it is now only to a credential
// that may see it; a token that it made, in any case.
func TestReplaysAndRights(t *testing.T) {
	t.Parallel()
	blind := false
	s := newServer(t, nil, &httpapi.Options{Authorize: func(_ context.Context, _ httpapi.Principal, a httpapi.Action) error {
		if blind && !a.Write {
			return httpapi.ErrForbidden
		}
		return nil
	}})
	for path, body := range map[string]string{
		"/v1/end-users": `{"external_id":"a"}`, "/v1/end-users?on_conflict=merge": `{"external_id":"b"}`,
		"/v1/groups": `{"external_id":"a"}`, "/v1/webhooks": `{"url":"https://example.com"}`,
	} {
		blind = false
		first := s.do(t, "POST", path, body, keyed(path)).want(t, 201)
		blind = true
		again := s.do(t, "POST", path, body, keyed(path)).want(t, 201)
		made, hidden := members(t, first), members(t, again)
		for name, value := range hidden {
			if name != "id" && name != "token" && name != "secret" || made[name] != value {
				t.Errorf("%s: shows %s", path, name)
			}
		}
		if hidden["id"] != made["id"] || hidden["token"] != made["token"] || hidden["secret"] != made["secret"] {
			t.Errorf("%s: %s", path, again.Body)
		}
		if again.Header.Get("ETag") != "" || again.Header.Get("Location") != first.Header.Get("Location") {
			t.Errorf("%s: %v", path, again.Header)
		}
	}
}

func members(t *testing.T, a answer) map[string]any {
	t.Helper()
	return apitest.Read[map[string]any](t, a.Answer)
}

// TestReplaysOfRevokedRights: a repeated request shows a user that existed only to a credential
// that still has the right to what the first one did with it.
func TestReplaysOfRevokedRights(t *testing.T) {
	t.Parallel()
	revoked := ""
	s := newServer(t, nil, &httpapi.Options{Authorize: func(_ context.Context, _ httpapi.Principal, a httpapi.Action) error {
		if a.Name == revoked {
			return httpapi.ErrForbidden
		}
		return nil
	}})
	s.create(t, `{"external_id":"a","name":"Ann"}`)
	for right, path := range map[string]string{"getEndUser": "/v1/end-users", "updateEndUser": "/v1/end-users?on_conflict=merge"} {
		for i, body := range []string{`{"external_id":"a"}`, `{"external_id":"a","name":"` + right + `"}`} {
			revoked = ""
			key := keyed(path + string(rune('a'+i)))
			s.do(t, "POST", path, body, key).want(t, 200)
			s.do(t, "POST", path, body, key).want(t, 200)
			revoked = right
			s.do(t, "POST", path, body, key).wantCode(t, 403, "forbidden")
			s.do(t, "POST", path, body).wantCode(t, 403, "forbidden")
		}
	}
	revoked = "getEndUser" // a PUT needs no other right than its own
	for range 2 {
		s.do(t, "PUT", "/v1/end-users/by-external-id/a", `{"name":"Eve"}`, keyed("put")).want(t, 200)
	}
}

// TestKeyIsTheRequests: Authorize does not get the key of the request that it is asked about.
func TestKeyIsTheRequests(t *testing.T) {
	t.Parallel()
	var users *enduser.Manager
	asked := map[string]int{}
	st := memory.New(nil)
	users = enduser.New(st, nil)
	audit := users.Tenant("audit")
	s := newServerOf(t, st, nil, auth(t), &httpapi.Options{Authorize: func(ctx context.Context, _ httpapi.Principal, a httpapi.Action) error {
		asked[a.Name]++
		_, err := audit.Create(ctx, enduser.Spec{Name: a.Name})
		return err
	}})
	s.create(t, `{"external_id":"a","provisional":true}`)
	for range 2 { // asks whether the user may be shown, and made permanent
		s.do(t, "POST", "/v1/end-users", `{"external_id":"a"}`, keyed("k")).want(t, 200)
	}
	for name, n := range asked {
		got, err := audit.Count(t.Context(), enduser.Query{Filter: enduser.Filter{Name: name}})
		if err != nil || got.N != n {
			t.Errorf("%s: %d of %d calls are in the audit, %v", name, got.N, n, err)
		}
	}
}

// TestReplayedSecretsHaveNoTag: the answer to a repeated write of sensitive values has no ETag,
// by which its client could overwrite what it has never seen.
func TestReplayedSecretsHaveNoTag(t *testing.T) {
	t.Parallel()
	s := newServerOf(t, memory.New(nil), &enduser.Options{Keyring: keyring(t)}, auth(t), nil)
	u := s.create(t, `{"external_id":"a"}`)
	secret := func() answer {
		return s.do(t, "PATCH", "/v1/sensitive/"+u.ID, `{"pin":"1234"}`, keyed("k")).want(t, 204)
	}
	if secret().Header.Get("ETag") == "" {
		t.Error("the first answer has no ETag")
	}
	s.do(t, "PATCH", "/v1/end-users/"+u.ID, `{"name":"Eve"}`).want(t, 200)
	if tag := secret().Header.Get("ETag"); tag != "" {
		t.Errorf("the replay has the ETag %s of what another wrote", tag)
	}
}

// TestRefusedReplaysAreNotMarked: an answer that shows nothing is not marked as a replay.
func TestRefusedReplaysAreNotMarked(t *testing.T) {
	t.Parallel()
	st := memory.New(nil)
	create := func(s *server) answer { return s.do(t, "POST", "/v1/groups", `{"external_id":"a"}`, keyed("k")) }
	create(newServerOf(t, st, &enduser.Options{Keyring: keyring(t)}, auth(t), nil)).want(t, 201)
	a := create(newServerOf(t, st, &enduser.Options{}, auth(t), nil))
	a.wantCode(t, 501, "no-keyring")
	if a.Header.Get("Idempotent-Replayed") != "" {
		t.Error("marked")
	}
}
