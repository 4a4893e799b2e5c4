package magickmind_test

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store/memory"
)

// TestInvalidBodies sends invalid members to both routes that read a body.
func TestInvalidBodies(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	kept := s.create(t, `{"name":"Kept","external_id":"kept"}`)
	unchanged := s.Unchanged(t)
	for _, tt := range []struct{ body, field, code string }{
		{`{"name":"A","external_id":"a","EXTERNAL_ID":"b"}`, "EXTERNAL_ID", "unknown"},
		{`{"name":"A","\u004eame":"b"}`, "Name", "unknown"},
		{`{"name":null}`, "name", enduser.CodeRequired},
		{`{"name":""}`, "name", enduser.CodeRequired},
		{`{"name":"\u00a0\u3000 "}`, "name", enduser.CodeRequired},
		{`{"name":1}`, "name", "invalid_type"},
		{`{"name":["A"]}`, "name", "invalid_type"},
		{`{"name":"a\u0007"}`, "name", enduser.CodeCharacter},
		{`{"name":"` + strings.Repeat("a", 257) + `"}`, "name", enduser.CodeLength},
		{`{"name":"A","external_id":1}`, "external_id", "invalid_type"},
		{`{"name":"A","external_id":{"$ne":""}}`, "external_id", "invalid_type"},
		{`{"name":"A","external_id":"` + strings.Repeat("a", 256) + `"}`, "external_id", enduser.CodeLength},
		{`{"name":"A","external_id":"` + strings.Repeat("\u20ac", 200) + `"}`, "external_id", enduser.CodeLength}, // a key over 512 bytes
		{`{"name":"A","external_id":"<a>"}`, "external_id", enduser.CodeCharacter},
		{`{"name":"A","external_id":"a\u200bb"}`, "external_id", enduser.CodeCharacter},
		{`{"name":"A","external_id":"\uff41"}`, "external_id", enduser.CodeCharacter},
		{`{"name":"A","external_id":"a "}`, "external_id", enduser.CodeSpace},
	} {
		s.do(t, "POST", users, tt.body).wantFault(t, tt.field, tt.code)
		s.put(t, kept.ID, tt.body).wantFault(t, tt.field, tt.code)
	}
	for _, body := range []string{`{}`, `{"external_id":"a"}`, `{"external_id":null,"nickname":"A"}`} {
		s.do(t, "POST", users, body).wantFault(t, "name", enduser.CodeRequired)
	}
	for n, want := range map[int]struct {
		named  int
		detail string
	}{
		64: {64, "See errors for what is wrong."},
		65: {64, "See errors for the first 64 of 65 faults."},
	} {
		p := s.put(t, kept.ID, `{`+variants(n)+`}`).want(t, 400).problem(t)
		if len(p.Errors) != want.named || p.Detail != want.detail {
			t.Errorf("%d faults: %d are named, and it says %s", n, len(p.Errors), p.Detail)
		}
	}
	unchanged()
}

// variants returns n members that are external_id in another case each.
func variants(n int) string {
	members := make([]string, n)
	for i := range members {
		name := []byte("external_id")
		for bit := range 8 { // the letters of external
			if (i+1)>>bit&1 == 1 {
				name[bit] -= 'a' - 'A'
			}
		}
		members[i] = `"` + string(name) + `":1`
	}
	return strings.Join(members, ",")
}

// TestUnknownMembers: members that newer clients send, or that the server alone sets, are
// ignored.
func TestUnknownMembers(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	kept := s.create(t, `{"name":"Kept","external_id":"kept"}`)
	unchanged := s.Unchanged(t)
	for _, name := range []string{
		"id", "tenant_id", "created_by", "updated_by", "created_at", "updated_at", // those that are shown
		"environment", "email", "metadata", "revision", "_id", "__proto__", "", "name ", "external-id",
	} {
		for _, value := range []string{`"other"`, "null", `[{"a":"b"}]`} {
			member := strconv.Quote(name) + ":" + value
			if u := s.create(t, `{"name":"New",`+member+`}`, as(apitest.Other)); u.TenantID != "other" || u.CreatedBy != "crm" || u.ExternalID != "" {
				t.Errorf("%s is not ignored: %+v", member, u)
			}
			if u := s.put(t, kept.ID, `{`+member+`}`).want(t, 200).user(t); u != kept {
				t.Errorf("%s is not ignored: %+v", member, u)
			}
		}
	}
	unchanged()
}

// TestVerbatim: texts that look like a path, a template or markup are texts like any other
// and come back as they were sent.
func TestVerbatim(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		for _, text := range []string{
			"../x", "a/b", "%2e%2e", "'; DROP TABLE users", "{a}b", "a?b#c", `back\slash "quoted"`, "Ünï-Ω/日本 🛶", "a\u0300", "9223372036854775807",
			"undefined", "null", strings.Repeat("ä", 255),
		} {
			u := s.create(t, `{"name":`+strconv.Quote(text)+`,"external_id":`+strconv.Quote(text)+`}`)
			found := s.list(t, "external_id="+url.QueryEscape(strings.ToUpper(text))).Data
			if u.Name != text || u.ExternalID != text || s.get(t, u.ID).want(t, 200).user(t) != u || len(found) != 1 || found[0] != u {
				t.Errorf("%q became %+v, and is found as %+v", text, u, found)
			}
		}
		// Names, unlike external IDs, may have markup and white space at their ends.
		if u := s.create(t, `{"name":" <script>\u200d "}`); u.Name != " <script>\u200d " {
			t.Errorf("got %q", u.Name)
		}
	})
}

// TestNoPartialWrites: a write that is refused for one of its members writes none of the
// others.
func TestNoPartialWrites(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		u := s.create(t, `{"name":"Ann","external_id":"ann"}`)
		s.create(t, `{"name":"Bea","external_id":"bea"}`)
		etag := s.get(t, u.ID).Header.Get("ETag")
		s.put(t, u.ID, `{"name":"Ann Lee"}`, with("If-Match", etag)).want(t, 200)
		unchanged := s.Unchanged(t)
		for body, want := range map[string]int{
			`{"name":"New","external_id":"<new>"}`: 400,
			`{"name":"","external_id":"new"}`:      400,
			`{"name":"New","external_id":"BEA"}`:   409,
			`{"name":"New","external_id":1}`:       400,
		} {
			s.put(t, u.ID, body).want(t, want)
			s.do(t, "POST", users, body).want(t, want)
		}
		for _, tags := range [][]string{{etag}, {"W/" + etag}, {`"0"`, etag}, {""}} {
			s.put(t, u.ID, `{"name":"New"}`, with("If-Match", tags...)).want(t, 412)
			s.delete(t, u.ID, with("If-Match", tags...)).want(t, 412)
		}
		s.put(t, u.ID, `{"name":"Ann Lee"}`).want(t, 200) // as it is already
		unchanged()
	})
}

// TestUsersOfOtherFamilies: a user that another family made is shown with all members and
// can be changed. Nothing else of it changes.
func TestUsersOfOtherFamilies(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		made, err := s.acme().Create(t.Context(), enduser.Spec{
			FirstName: "Ann", Email: "ann@example.com", ExpiresIn: time.Hour, Groups: []string{"g"},
			Accounts: []enduser.Account{{Type: "discord", ID: "1"}}, Metadata: enduser.Metadata{"plan": enduser.String("pro")},
		})
		if err != nil {
			t.Fatal(err)
		}
		want := user{
			ID: made.ID, Name: "Ann", TenantID: "acme", CreatedBy: "acme", UpdatedBy: "acme",
			CreatedAt: "2026-01-28T10:43:43Z", UpdatedAt: "2026-01-28T10:43:43Z",
		}
		if got := s.get(t, made.ID).want(t, 200).user(t); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		s.Clock.Advance(1999 * time.Millisecond)
		want.ExternalID, want.UpdatedBy, want.UpdatedAt = "ann", "crm", "2026-01-28T10:43:44Z"
		if got := s.put(t, made.ID, `{"external_id":"ann"}`).want(t, 200).user(t); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		now, err := s.acme().Get(t.Context(), enduser.ByExternalID("ANN"))
		if err != nil {
			t.Fatal(err)
		}
		changed := made.Clone()
		changed.ExternalID, changed.UpdatedAt, changed.UpdatedBy, changed.Revision, changed.Version = "ann", now.UpdatedAt, "crm", now.Revision, now.Version
		if !now.Equal(changed) {
			t.Errorf("a PUT of the external ID left %+v", now)
		}
		if got := s.list(t, "").Data; len(got) != 1 || got[0] != want {
			t.Errorf("the list shows %+v", got)
		}
		s.Clock.Advance(time.Hour) // it expires
		s.get(t, made.ID).want(t, 404)
		s.create(t, `{"name":"B","external_id":"ann"}`)
	})
}

// TestWhatIsShownIsNoChange: clients send back what they were shown. That changes nothing,
// by whatever program and under whatever limits the user was made.
func TestWhatIsShownIsNoChange(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		for what, tt := range map[string]struct {
			policy enduser.Policy
			spec   enduser.Spec
			name   string // that is shown
		}{
			"no name":        {spec: enduser.Spec{Email: "ann@example.com"}, name: ""},
			"a name":         {spec: enduser.Spec{Name: "Ann", ExternalID: "Ann-1"}, name: "Ann"},
			"a name beside":  {spec: enduser.Spec{Name: "Ann", FirstName: "Anna", LastName: "Lee"}, name: "Ann"},
			"first and last": {spec: enduser.Spec{FirstName: "Ann", LastName: "Lee", ExternalID: "ann-2"}, name: "Ann Lee"},
			"last":           {spec: enduser.Spec{LastName: "Lee"}, name: "Lee"},
			"a longer name":  {policy: enduser.Policy{MaxName: 400}, spec: enduser.Spec{Name: strings.Repeat("a", 400)}, name: strings.Repeat("a", 400)},
			"long parts":     {spec: enduser.Spec{FirstName: strings.Repeat("a", 256), LastName: strings.Repeat("b", 256)}, name: strings.Repeat("a", 256) + " " + strings.Repeat("b", 256)},
			"provisional":    {spec: enduser.Spec{Name: "Bea", ExternalID: "bea", ExpiresIn: time.Hour}, name: "Bea"},
		} {
			made, err := s.acme().With(tt.policy).Create(t.Context(), tt.spec)
			if err != nil {
				t.Fatal(what, err)
			}
			shown := s.get(t, made.ID).want(t, 200)
			if got := shown.user(t).Name; got != tt.name {
				t.Errorf("%s: shown as %q", what, got)
			}
			same, refused := []string{shown.Body, `{}`}, []string{`{"name":" "}`, `{"name":"\u3000"}`}
			if none := []string{`{"name":""}`, `{"name":null}`}; tt.name == "" {
				same = append(same, none...)
			} else {
				refused = append(refused, none...)
			}
			for _, body := range same {
				again := s.put(t, made.ID, body).want(t, 200)
				if again.Body != shown.Body || again.Header.Get("ETag") != shown.Header.Get("ETag") {
					t.Errorf("%s: %s made of %s\n%s", what, body, shown.Body, again.Body)
				}
			}
			if now, err := s.acme().Get(t.Context(), enduser.ByID(made.ID)); err != nil || !now.Equal(made) {
				t.Errorf("%s: %+v, %v", what, now, err)
			}
			for _, body := range refused {
				s.put(t, made.ID, body).wantFault(t, "name", enduser.CodeRequired)
			}
			for _, word := range strings.Fields(tt.name) { // the filter finds the name that is shown
				if len(s.list(t, "name="+strings.ToUpper(word)).Data) == 0 {
					t.Errorf("%s: %s finds nobody", what, word)
				}
			}
			// A name of its own takes the place of the two that stand for it.
			if named := s.put(t, made.ID, `{"name":"Named"}`).want(t, 200).user(t); named.Name != "Named" {
				t.Errorf("%s: named %+v", what, named)
			}
		}
	})
}

// TestConflictsKeepTheUser: the vendor's client reads a 409 as "the user exists", so the
// holder does not expire any more. A PUT, or a request without rights, keeps nobody.
func TestConflictsKeepTheUser(t *testing.T) {
	t.Parallel()
	refusal := httpapi.ErrForbidden
	o, asked := rights("associateEndUser", &refusal)
	s := newServer(t, nil, o)
	u, err := s.acme().Create(t.Context(), enduser.Spec{ExternalID: "ann", ExpiresIn: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	kept := func(want bool) {
		t.Helper()
		now, err := s.acme().Get(t.Context(), enduser.ByID(u.ID))
		if err != nil || now.ExpiresAt.IsZero() != want || now.Name != "" {
			t.Errorf("got %+v, %v, want it kept: %v", now, err, want)
		}
	}
	const body = `{"name":"Ann","external_id":"ANN"}`
	other := s.create(t, `{"name":"Other","external_id":"other"}`)
	s.put(t, other.ID, body).want(t, 409)
	s.do(t, "POST", users, `{"name":"O","external_id":"OTHER"}`).want(t, 409) // needs no right: it does not expire
	kept(false)
	if asked["associateEndUser"] != 0 {
		t.Errorf("asked %v", asked)
	}
	s.do(t, "POST", users, body).want(t, 409)
	kept(false)
	if asked["associateEndUser"] != 1 {
		t.Errorf("asked %v", asked)
	}
	refusal = nil
	s.do(t, "POST", users, body).want(t, 409)
	kept(true)
	s.Clock.Advance(25 * time.Hour)
	if d := s.do(t, "POST", users, body).want(t, 409).problem(t).Detail; !strings.HasSuffix(d, " "+u.ID) {
		t.Errorf("got %s", d)
	}
}

// TestConflictsShowWhatMayBeSeen: a caller without the right to see users does not learn
// who has an external ID.
func TestConflictsShowWhatMayBeSeen(t *testing.T) {
	t.Parallel()
	var refusal error
	o, asked := rights("getEndUser", &refusal)
	s := newServer(t, nil, o)
	u := s.create(t, `{"name":"Ann","external_id":"ann"}`)
	other := s.create(t, `{"name":"Other"}`)
	for _, refusal = range []error{nil, httpapi.ErrForbidden, errors.New("on fire")} {
		clear(asked)
		for method, path := range map[string]string{"POST": users, "PUT": users + "/" + other.ID} {
			a := s.do(t, method, path, `{"name":"B","external_id":"ann"}`).want(t, 409)
			want := "The external_id belongs to end user " + u.ID
			if refusal != nil {
				want = "The external_id belongs to another end user"
			}
			if a.problem(t).Detail != want || refusal != nil && strings.Contains(a.Body, u.ID) {
				t.Errorf("%v: %s", refusal, a.Body)
			}
		}
		if asked["getEndUser"] != 2 {
			t.Errorf("asked %v", asked)
		}
	}
}

// TestRetriedCreate: a create whose answer was lost leaves one user. The retry leads to it.
func TestRetriedCreate(t *testing.T) {
	t.Parallel()
	f := &faultstore.Store{Store: memory.New(nil)}
	s := newServer(t, f, nil)
	const body = `{"name":"Ann","external_id":"ann"}`
	f.Lost.Store(true)
	s.do(t, "POST", users, body).want(t, 503)
	f.Lost.Store(false)
	got := s.list(t, "").Data
	if len(got) != 1 || got[0].ExternalID != "ann" {
		t.Fatalf("the list shows %+v", got)
	}
	if d := s.do(t, "POST", users, body).want(t, 409).problem(t).Detail; !strings.HasSuffix(d, " "+got[0].ID) {
		t.Errorf("%q does not lead to %s", d, got[0].ID)
	}
}
