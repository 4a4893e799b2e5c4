package ada_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
)

// TestConcurrentPosts: of many that make one user at once one does, whatever the case
// of the external_id, and the others are shown that one.
func TestConcurrentPosts(t *testing.T) {
	t.Parallel()
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		const n = 64
		s := newServer(t, open(t), nil)
		answers := make([]answer, n)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				id := []byte("customer")
				for bit := range id {
					if i>>(bit%6)&1 == 1 {
						id[bit] -= 'a' - 'A'
					}
				}
				<-start
				answers[i] = s.do(t, "POST", users, `{"external_id":"`+string(id)+`","profile":{"first_name":"`+strconv.Itoa(i)+`"}}`)
			})
		}
		close(start)
		wg.Wait()
		statuses, shown := map[int]int{}, map[string]int{}
		for _, a := range answers {
			statuses[a.Status]++
			shown[a.Body+a.Header.Get("ETag")]++
		}
		if diff := cmp.Diff(map[int]int{201: 1, 200: n - 1}, statuses); diff != "" {
			t.Errorf("statuses differ:\n%s", diff)
		}
		if len(shown) != 1 {
			t.Errorf("different users are shown: %v", shown)
		}
		if got := s.list(t, users).Data; len(got) != 1 {
			t.Errorf("there are %d users", len(got))
		}
	})
}

func TestPostOfKnownChangesNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	u := s.create(t, `{"external_id":"ann","profile":{"sensitive_metadata":{"fields":{"a":"1"}}}}`)
	check := s.untouched(t)
	a := s.do(t, "POST", users, `{"external_id":"ANN","profile":{"email":"x@example.com","sensitive_metadata":{"fields":{"a":"2","b":"3"}}}}`)
	if got := a.want(t, 200).user(t); got.ID != u.ID {
		t.Errorf("%s is shown, not %s", got.ID, u.ID)
	}
	check()
	s.do(t, "POST", users, `{"external_id":"ann","profile":{"email":"x"}}`).wantFault(t, "$.profile.email", "body")
	check()
}

// TestPostWithoutID: nothing else identifies a user, so each makes one.
func TestPostWithoutID(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	const body = `{"profile":{"first_name":"Ann","email":"ann@example.com"}}`
	if a, b := s.create(t, body), s.create(t, body); a.ID == b.ID {
		t.Error("the second is the first")
	}
}

// TestOnlyAssociationKeeps: nothing that a client writes but a conversation makes a
// user permanent, and a conversation with a permanent one changes nothing.
func TestOnlyAssociationKeeps(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		kept, called, changed := s.create(t, `{"external_id":"kept"}`), s.create(t, `{}`), s.create(t, `{"external_id":"changed"}`)
		conversation := `{"channel_id":"c","end_user_id":"` + kept.ID + `"}`
		s.do(t, "POST", conversations, conversation).want(t, 201)
		check := s.untouched(t)
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

func TestEntityTags(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	made := s.do(t, "POST", users, `{"external_id":"ann"}`).want(t, 201)
	old := made.Header.Get("ETag")
	path := users + made.user(t).ID
	for _, target := range []string{path, path + "/", users + "?external_id=ann"} {
		if got := s.do(t, "GET", target, "").want(t, 200).Header.Get("ETag"); got != old || got == "" {
			t.Errorf("%s has the tag %s, want %s", target, got, old)
		}
		s.do(t, "GET", target, "", with("If-None-Match", old)).want(t, 304)
	}
	if got := made.Header.Get("Location"); got != path {
		t.Errorf("Location is %s, want %s", got, path)
	}
	const change = `{"profile":{"first_name":"Ann"}}`
	s.do(t, "PATCH", path, change, with("If-Match", `"999"`)).want(t, 412)
	tag := s.do(t, "PATCH", path, change, with("If-Match", old)).want(t, 200).Header.Get("ETag")
	if tag == old {
		t.Error("a change has the same tag")
	}
	s.do(t, "PATCH", path, `{"profile":{"first_name":"Bob"}}`, with("If-Match", old)).want(t, 412)
	if got := s.do(t, "PATCH", path, change, with("If-Match", "*")).want(t, 200).Header.Get("ETag"); got != tag {
		t.Errorf("a PATCH that changes nothing has the tag %s, want %s", got, tag)
	}
	s.do(t, "GET", path, "", with("If-None-Match", old)).want(t, 200)
	s.do(t, "PATCH", users+missing, change, with("If-Match", "*")).want(t, 404)
	s.do(t, "PATCH", path, change, with("If-None-Match", tag)).want(t, 412)
	s.do(t, "PATCH", path, change, with("If-Match", tag+", *")).want(t, 400)
	s.do(t, "POST", users, `{"external_id":"one"}`, with("If-Match", "*")).want(t, 412)
	s.do(t, "POST", users, `{}`, with("If-Match", tag)).want(t, 412)
	s.do(t, "POST", users, `{"external_id":"one"}`, with("If-None-Match", "*")).want(t, 201)
	s.do(t, "POST", users, `{"external_id":"one"}`, with("If-None-Match", "*")).want(t, 412)
}

// TestForeignMetadata: what the vendor's types have no room for is not shown, stays
// at a PATCH that does not name it, and goes with the whole.
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
	kept := func() string {
		u, err := acme.Get(t.Context(), enduser.ByID(u.ID))
		if err != nil {
			t.Fatal(err)
		}
		return string(u.Metadata.AppendJSON(nil))
	}
	for _, step := range []struct{ patch, shown, kept string }{
		{`{}`, `{"bool":true,"int":9007199254740993,"text":"x"}`, all},
		{
			`{"text":null,"new":1}`, `{"bool":true,"int":9007199254740993,"new":1}`,
			`{"bool":true,"float":0.5,"int":9007199254740993,"list":[1],"new":1,"object":{"a":null}}`,
		},
		{`{"float":2,"list":null,"bool":null,"int":null,"new":null}`, `{"float":2}`, `{"float":2,"object":{"a":null}}`},
		{`null`, `{}`, `{}`},
	} {
		a := s.do(t, "PATCH", users+u.ID, `{"profile":{"metadata":`+step.patch+`}}`).want(t, 200)
		if got := string(a.user(t).Profile.Metadata); got != step.shown {
			t.Errorf("%s shows %s, want %s", step.patch, got, step.shown)
		}
		if got := kept(); got != step.kept {
			t.Errorf("%s leaves %s, want %s", step.patch, got, step.kept)
		}
		for _, target := range []string{users + u.ID, users + "?external_id=ann", users} {
			if body := s.do(t, "GET", target, "").want(t, 200).Body; !strings.Contains(body, `"metadata":`+step.shown) {
				t.Errorf("%s shows %s", target, body)
			}
		}
	}
}

// TestForeignUsers: a user that another family of routes made, under limits of its
// own, is found and can be changed.
func TestForeignUsers(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	long := strings.Repeat("a", 200)
	spec := enduser.Spec{ExternalID: long, Name: "Ann", Groups: []string{"g"}, Accounts: []enduser.Account{{Type: "t", ID: "1"}}}
	u, err := s.Users.Tenant("acme").With(enduser.Policy{MaxExternalID: 255}).Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.do(t, "GET", users+"?external_id="+strings.ToUpper(long), "").want(t, 200).user(t); got.ID != u.ID {
		t.Errorf("got %s, want %s", got.ID, u.ID)
	}
	s.do(t, "GET", users+"?external_id="+long+"b", "").wantFault(t, "external_id", "query")
	// What somebody has is not checked again; what nobody has, and the rest, is.
	if got := s.do(t, "POST", users, `{"external_id":"`+long+`"}`).want(t, 200).user(t); got.ID != u.ID {
		t.Errorf("got %s, want %s", got.ID, u.ID)
	}
	s.do(t, "POST", users, `{"external_id":"`+long+`","profile":{"email":"x"}}`).wantFault(t, "$.profile.email", "body")
	s.do(t, "POST", users, `{"external_id":"`+long+`b"}`).wantFault(t, "$.external_id", "body")
	if got := s.do(t, "PATCH", users+u.ID, `{"profile":{"language":"de"}}`).want(t, 200).user(t); *got.Profile.DisplayName != "Ann" {
		t.Errorf("got %+v", got)
	}
	s.do(t, "PATCH", users+u.ID, `{"external_id":"`+long+`b","profile":{}}`).wantFault(t, "$.external_id", "body")
}

// TestTimes: they are in whole seconds, and an ETag tells changes within one apart.
func TestTimes(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	s.Clock.Advance(123 * time.Millisecond)
	u := s.create(t, `{}`)
	tags := make(map[string]bool)
	for i := range 3 {
		s.Clock.Advance(500 * time.Millisecond)
		a := s.do(t, "PATCH", users+u.ID, `{"profile":{"first_name":"`+strconv.Itoa(i)+`"}}`).want(t, 200)
		if got, want := a.user(t), s.Clock.Now().Format("2006-01-02T15:04:05+00:00"); got.CreatedAt != u.CreatedAt || got.UpdatedAt != want {
			t.Errorf("created_at %s, updated_at %s, want %s", got.CreatedAt, got.UpdatedAt, want)
		}
		tags[a.Header.Get("ETag")] = true
	}
	if len(tags) != 3 {
		t.Errorf("three changes have the ETags %v", tags)
	}
}

func TestStampsTheActor(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	u := s.create(t, `{}`)
	got, err := s.Users.Tenant("acme").Get(t.Context(), enduser.ByID(u.ID))
	if err != nil || got.CreatedBy != "crm" || got.Environment != enduser.Customer {
		t.Errorf("got %s in %s, %v", got.CreatedBy, got.Environment, err)
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	u := s.create(t, `{}`)
	s.do(t, http.MethodHead, users+u.ID, "").want(t, 200)
	s.do(t, http.MethodHead, users+missing, "").want(t, 404)
}
