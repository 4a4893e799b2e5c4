package ada_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/atonce"
)

// TestConcurrentPosts: of many POSTs of one external_id at once, in whatever case, one
// makes a user, and the others show that one.
func TestConcurrentPosts(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		ids := []string{"customer", "Customer", "CUSTOMER", "cUSTOMER"}
		answers := atonce.Collect(64, func(i int) answer {
			return s.do(t, "POST", users, fmt.Sprintf(`{"external_id":"%s","profile":{"first_name":"%d"}}`, ids[i%len(ids)], i))
		})
		statuses, shown := map[int]int{}, map[string]int{}
		for _, a := range answers {
			statuses[a.Status]++
			shown[a.Body+a.Header.Get("ETag")]++
		}
		if diff := cmp.Diff(map[int]int{201: 1, 200: len(answers) - 1}, statuses); diff != "" {
			t.Errorf("statuses differ:\n%s", diff)
		}
		if got := s.list(t, users).Data; len(got) != 1 || len(shown) != 1 {
			t.Errorf("there are %d users, and %v are shown", len(got), shown)
		}
	})
}

// TestPostOfKnownChangesNothing: the rest of the body is validated and not applied. Who
// made a user stays, too.
func TestPostOfKnownChangesNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	u := s.create(t, `{"external_id":"ann","profile":{"sensitive_metadata":{"fields":{"a":"1"}}}}`)
	got, err := s.Users.Tenant("acme").Get(t.Context(), enduser.ByID(u.ID))
	if err != nil || got.CreatedBy != "crm" || got.Environment != enduser.Customer {
		t.Errorf("made by %q in %s, %v", got.CreatedBy, got.Environment, err)
	}
	check := s.Unchanged(t)
	a := s.do(t, "POST", users, `{"external_id":"ANN","profile":{"email":"x@example.com","sensitive_metadata":{"fields":{"a":"2","b":"3"}}}}`)
	if got := a.want(t, 200).user(t); got.ID != u.ID {
		t.Errorf("%s is shown, not %s", got.ID, u.ID)
	}
	s.do(t, "POST", users, `{"external_id":"ann","profile":{"email":"x"}}`).wantFault(t, "$.profile.email", "body")
	check()
}

// TestOnlyAssociationKeeps: of what a client writes only a conversation makes a user
// permanent, and a conversation of a permanent user changes nothing.
func TestOnlyAssociationKeeps(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		kept, called, changed := s.create(t, `{"external_id":"kept"}`), s.create(t, `{}`), s.create(t, `{"external_id":"changed"}`)
		conversation := `{"channel_id":"c","end_user_id":"` + kept.ID + `"}`
		s.do(t, "POST", conversations, conversation).want(t, 201)
		check := s.Unchanged(t)
		s.do(t, "POST", conversations, conversation).want(t, 201)
		check()
		if _, err := s.Users.Tenant("acme").Associate(t.Context(), enduser.ByID(called.ID)); err != nil {
			t.Fatal(err)
		}
		s.Clock.Advance(enduser.ProvisionalTTL - time.Millisecond)
		s.do(t, "PATCH", users+changed.ID, `{"external_id":"changed-2","profile":{"sensitive_metadata":{"fields":{"a":1}}}}`).want(t, 200)
		s.do(t, "POST", users, `{"external_id":"changed-2"}`).want(t, 200)
		s.Clock.Advance(time.Millisecond)

		s.do(t, "GET", users+changed.ID, "").want(t, 404)
		if diff := cmp.Diff([]string{kept.ID, called.ID}, s.list(t, users).ids()); diff != "" {
			t.Errorf("other users are left:\n%s", diff)
		}
		if n, err := s.Users.Sweep(t.Context()); n != 1 || err != nil {
			t.Errorf("%d users were swept, %v", n, err)
		}
		if again := s.create(t, `{"external_id":"CHANGED-2"}`); again.ID == changed.ID {
			t.Error("the ID is used again")
		}
	})
}

// TestEntityTags: preconditions hold on every route that shows or writes a user.
func TestEntityTags(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	made := s.do(t, "POST", users, `{"external_id":"ann"}`).want(t, 201)
	old, path := made.Header.Get("ETag"), users+made.user(t).ID
	const change, other = `{"profile":{"first_name":"Ann"}}`, `{"profile":{"first_name":"Bob"}}`
	tag := s.do(t, "PATCH", path, change, with("If-Match", old)).want(t, 200).Header.Get("ETag")
	if tag == old {
		t.Error("a change has the same tag")
	}
	if got := s.do(t, "PATCH", path, change, with("If-Match", "*")).want(t, 200).Header.Get("ETag"); got != tag {
		t.Errorf("a PATCH that changes nothing has the tag %s, want %s", got, tag)
	}
	for _, tt := range []struct {
		method, target, body, header, value string
		want                                int
	}{
		{"GET", path, "", "If-None-Match", tag, 304},
		{"GET", path + "/", "", "If-None-Match", tag, 304},
		{"GET", users + "?external_id=ann", "", "If-None-Match", tag, 304},
		{"GET", path, "", "If-None-Match", old, 200},
		{"HEAD", path, "", "If-None-Match", tag, 304},
		{"HEAD", path, "", "If-None-Match", old, 200},
		{"HEAD", users + missing, "", "If-None-Match", tag, 404},
		{"PATCH", path, other, "If-Match", `"999"`, 412},
		{"PATCH", path, other, "If-Match", old, 412},
		{"PATCH", users + missing, other, "If-Match", "*", 404},
		{"PATCH", path, other, "If-None-Match", tag, 412},
		{"PATCH", path, other, "If-Match", tag + ", *", 400},
		{"POST", users, `{"external_id":"one"}`, "If-Match", "*", 412},
		{"POST", users, `{}`, "If-Match", tag, 412},
		{"POST", users, `{"external_id":"one"}`, "If-None-Match", "*", 201},
		{"POST", users, `{"external_id":"one"}`, "If-None-Match", "*", 412},
	} {
		a := s.do(t, tt.method, tt.target, tt.body, with(tt.header, tt.value))
		if a.Status != tt.want {
			t.Errorf("%s %s with %s %s: got %d, want %d", tt.method, tt.target, tt.header, tt.value, a.Status, tt.want)
		}
		if got := a.Header.Get("ETag"); a.Status < 400 && tt.method != "POST" && got != tag {
			t.Errorf("%s %s has the tag %s, want %s", tt.method, tt.target, got, tag)
		}
	}
}

// TestForeignMetadata: what the vendor's types have no room for is not shown, stays at a
// PATCH that does not name it, and goes with the whole.
func TestForeignMetadata(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	const all = `{"bool":true,"float":0.5,"int":9007199254740993,"list":[1],"object":{"a":null},"text":"x"}`
	metadata, err := enduser.ParseMetadata(all)
	if err != nil {
		t.Fatal(err)
	}
	acme := s.Users.Tenant("acme")
	u, err := acme.Create(t.Context(), enduser.Spec{ExternalID: "ann", Metadata: metadata})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ patch, shown, kept string }{
		{`{}`, `{"bool":true,"int":9007199254740993,"text":"x"}`, all},
		{
			`{"text":null,"new":-0}`, `{"bool":true,"int":9007199254740993,"new":0}`,
			`{"bool":true,"float":0.5,"int":9007199254740993,"list":[1],"new":0,"object":{"a":null}}`,
		},
		{`{"float":2,"list":null,"bool":null,"int":null,"new":null}`, `{"float":2}`, `{"float":2,"object":{"a":null}}`},
		{`null`, `{}`, `{}`},
	} {
		bodies := []string{s.do(t, "PATCH", users+u.ID, inProfile(`"metadata":`+step.patch)).want(t, 200).Body}
		for _, target := range []string{users + u.ID, users + "?external_id=ann", users} {
			bodies = append(bodies, s.do(t, "GET", target, "").want(t, 200).Body)
		}
		for _, body := range bodies {
			if !strings.Contains(body, `"metadata":`+step.shown+`,`) {
				t.Errorf("%s shows %s, want %s", step.patch, body, step.shown)
			}
		}
		if u, err = acme.Get(t.Context(), enduser.ByID(u.ID)); err != nil || string(u.Metadata.AppendJSON(nil)) != step.kept {
			t.Errorf("%s leaves %s, %v, want %s", step.patch, u.Metadata.AppendJSON(nil), err, step.kept)
		}
	}
}

// TestForeignUsers: a user that another family of routes made, under limits of its own,
// is found and can be changed.
func TestForeignUsers(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	long := strings.Repeat("a", 200)
	spec := enduser.Spec{ExternalID: long, Name: "Ann", Groups: []string{"g"}, Accounts: []enduser.Account{{Type: "t", ID: "1"}}}
	u, err := s.Users.Tenant("acme").With(enduser.Policy{MaxExternalID: 255}).Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	// An external ID that a user has is not validated again; others are, and the rest is.
	for _, a := range []answer{
		s.do(t, "GET", users+"?external_id="+strings.ToUpper(long), ""),
		s.do(t, "POST", users, `{"external_id":"`+long+`"}`),
		s.do(t, "PATCH", users+u.ID, inProfile(`"language":"de"`)),
	} {
		if got := a.want(t, 200).user(t); got.ID != u.ID || *got.Profile.DisplayName != "Ann" {
			t.Errorf("got %+v, want %s", got, u.ID)
		}
	}
	s.do(t, "GET", users+"?external_id="+long+"b", "").wantFault(t, "external_id", "query")
	s.do(t, "POST", users, `{"external_id":"`+long+`","profile":{"email":"x"}}`).wantFault(t, "$.profile.email", "body")
	s.do(t, "POST", users, `{"external_id":"`+long+`b"}`).wantFault(t, "$.external_id", "body")
	s.do(t, "PATCH", users+u.ID, `{"external_id":"`+long+`b","profile":{}}`).wantFault(t, "$.external_id", "body")
}
