package enduser_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// tamper changes a record below the Manager, as another program does.
func tamper(t testing.TB, st store.Store, id string, change func(*store.Record)) {
	t.Helper()
	old := must(st.Get(t.Context(), "acme", store.ID(id)))(t)
	r := old
	change(&r)
	must(st.Apply(t.Context(), "acme", store.Ops(store.Replace(old, r, nil))))(t)
}

// body returns a change of a record's body.
func body(t testing.TB, from, to string) func(*store.Record) {
	t.Helper()
	return func(r *store.Record) {
		if !strings.Contains(string(r.Data), from) {
			t.Fatalf("no %s in %s", from, r.Data)
		}
		r.Data = []byte(strings.Replace(string(r.Data), from, to, 1))
	}
}

// The form of what a newer program adds that older ones carry along.
const (
	newMember = `"prefers":{"b":[1, "x\u0041"],"a":null}`
	newStamp  = `"stamp2":1.50`
)

var (
	newKey  = store.Key{Kind: "phone.1", Value: "+41440000000"}
	newTerm = store.Key{Kind: "prefers", Value: "mail\x00"}
)

// enrich adds to a record what a newer program may.
func enrich(t testing.TB, st store.Store, id string) {
	t.Helper()
	tamper(t, st, id, func(r *store.Record) {
		body(t, `"w":1,`, `"w":1,`+newMember+",")(r)
		r.Data = append(r.Data[:len(r.Data)-1], ","+newStamp+"}"...)
		r.Unique, r.Index = append(r.Unique, newKey), append(r.Index, newTerm)
	})
}

// carried checks that it is all there, once, and behind what this program knows.
func carried(t testing.TB, what string, st store.Store, id string) {
	t.Helper()
	r := must(st.Get(t.Context(), "acme", store.ID(id)))(t)
	text := string(r.Data)
	if strings.Count(text, newMember) != 1 || strings.Count(text, newStamp) != 1 || !strings.HasSuffix(text, ","+newMember+","+newStamp+"}") {
		t.Errorf("%s: body %s", what, text)
	}
	if i := slices.Index(r.Unique, newKey); i != len(r.Unique)-1 {
		t.Errorf("%s: unique keys %v", what, r.Unique)
	}
	if i := slices.Index(r.Index, newTerm); i != len(r.Index)-1 {
		t.Errorf("%s: index terms %v", what, r.Index)
	}
	if byKey := must(st.Get(t.Context(), "acme", newKey))(t); byKey.ID != id {
		t.Errorf("%s: found by the new key %s", what, byKey.ID)
	}
}

// What a newer program has added to a user is kept by every write of this one.
func TestWritesCarryUsersAlong(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		acme := w.acme.With(unique)
		spec := everything()
		spec.Sensitive = secrets{"pin": secret("1")}
		u := must(acme.Create(ctx, spec))(t)
		enrich(t, st, u.ID)
		ref, irc := enduser.ByID(u.ID), enduser.Account{Type: "irc", ID: "a"}
		before := must(acme.Get(ctx, ref))(t)
		u.Revision, u.Version = before.Revision, before.Version
		diff(t, "what this program knows", before, u)
		for _, step := range []struct {
			what string
			call func() error
		}{
			{"update", func() error { return second(acme.Update(ctx, ref, rename)) }},
			{"upsert", func() error {
				return third(acme.Upsert(ctx, enduser.Spec{ExternalID: "crm-7", Metadata: enduser.Metadata{"n": enduser.Int(1)}}))
			}},
			{"sensitive values", func() error {
				return third(acme.Upsert(ctx, enduser.Spec{ExternalID: "crm-7", Sensitive: secrets{"pin": secret("2")}}))
			}},
			{"associate", func() error { return second(acme.Associate(ctx, ref)) }},
			{"link", func() error { return second(acme.Link(ctx, ref, irc)) }},
			{"unlink", func() error { return second(acme.Unlink(ctx, ref, irc)) }},
			{"all away", func() error {
				return second(acme.Update(ctx, ref, func(e *enduser.Edit) error {
					e.ClearSensitive()
					e.ExternalID, e.Name, e.Email, e.Metadata, e.Accounts, e.Groups = "", "", "", nil, nil, nil
					return nil
				}))
			}},
			{"reindex", func() error {
				must(acme.Update(ctx, ref, func(e *enduser.Edit) error { e.Metadata["plan"] = enduser.Int(1); return nil }))(t)
				w.schema.IndexedMetadata = []string{"plan"}
				n, err := acme.Reindex(ctx)
				if n != 1 {
					t.Errorf("reindexed %d", n)
				}
				return err
			}},
		} {
			if err := step.call(); err != nil {
				t.Fatalf("%s: %v", step.what, err)
			}
			carried(t, step.what, st, u.ID)
		}
		// Nothing of it is written to another, and all of it goes with the user.
		ok(t, acme.Delete(ctx, ref))
		wantErr(t, "the new key", second(st.Get(ctx, "acme", newKey)), store.ErrNotFound)
	})
}

func TestWritesCarryGroupsAlong(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		groups := w.acme.Groups()
		g := made(groups.Create(ctx, wholeSpec()))(t)
		enrich(t, st, g.ID)
		ref := enduser.GroupByID(g.ID)
		for _, step := range []struct {
			what string
			call func() error
		}{
			{"update", func() error {
				return second(groups.Update(ctx, ref, func(g *enduser.Group) error { g.Name = "x"; return nil }))
			}},
			{"rotate", func() error { return third(groups.Rotate(ctx, ref, time.Second)) }},
			{"sweep", func() error {
				w.Advance(time.Minute)
				return second(w.users.Sweep(ctx))
			}},
			{"reseal", func() error {
				next := enduser.New(st, &enduser.Options{Now: w.Now, Keyring: enduser.NewKeyring(testKey("k2"), testKey("k1"))})
				n, err := next.Reseal(ctx)
				if n != 1 {
					t.Errorf("resealed %d", n)
				}
				return err
			}},
		} {
			if err := step.call(); err != nil {
				t.Fatalf("%s: %v", step.what, err)
			}
			carried(t, step.what, st, g.ID)
		}
	})
}

func TestWritesCarrySensitiveValuesAlong(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a", Sensitive: secrets{"old": secret("1")}}))(t)
		sensitive := "sensitive/" + u.ID
		enrich(t, st, sensitive)
		w.Advance(time.Hour)
		must(w.acme.Update(ctx, enduser.ByID(u.ID), func(e *enduser.Edit) error { e.SetSensitive("new", secret("2")); return nil }))(t)
		carried(t, "set", st, sensitive)
		w.Advance(enduser.SensitiveTTL - time.Minute)
		must(w.users.Sweep(ctx))(t)
		carried(t, "swept", st, sensitive)
		reveals(t, "the rest", w.acme, enduser.ByID(u.ID), values{"new": enduser.String("2")})
	})
}

// What is carried along is not dropped where it does not fit any more: the write fails.
func TestCarriedBeyondTheLimits(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a"}))(t)
		tamper(t, st, u.ID, func(r *store.Record) {
			for i := len(r.Unique); i < store.MaxUnique; i++ {
				r.Unique = append(r.Unique, store.Key{Kind: "new", Value: strings.Repeat("x", i)})
			}
		})
		before := must(w.acme.Get(ctx, enduser.ByID(u.ID)))(t)
		_, err := w.acme.Link(ctx, enduser.ByID(u.ID), enduser.Account{Type: "irc", ID: "a"})
		wantInvalid(t, "link", err, "record invalid_value")
		diff(t, "after", must(w.acme.Get(ctx, enduser.ByID(u.ID)))(t), before)
		must(w.acme.Update(ctx, enduser.ByID(u.ID), rename))(t)
	})
}

// What is nested deeper is read and ignored.
func TestNewerMembersFurtherInside(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		u := must(w.acme.Create(ctx, enduser.Spec{Accounts: []enduser.Account{{Type: "irc", ID: "a"}}, Sensitive: secrets{"k": secret("v")}}))(t)
		tamper(t, st, u.ID, body(t, `{"type":"irc"`, `{"since":1,"type":"irc"`))
		tamper(t, st, "sensitive/"+u.ID, body(t, `{"key":"k"`, `{"by":"x","key":"k"`))
		diff(t, "accounts", must(w.acme.Get(ctx, enduser.ByID(u.ID)))(t).Accounts, u.Accounts)
		reveals(t, "values", w.acme, enduser.ByID(u.ID), values{"k": enduser.String("v")})
		g := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "g"}))(t)
		made(w.acme.Groups().Rotate(ctx, enduser.GroupByID(g.ID), time.Hour))(t)
		tamper(t, st, g.ID, body(t, `{"hash":`, `{"by":"x","hash":`))
		must(w.acme.Groups().Get(ctx, enduser.GroupByID(g.ID)))(t)
	})
}

// What only a newer program may write is read, listed and deleted, and nothing writes
// over it.
func TestWhatOnlyANewerProgramMayWrite(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		spec := everything()
		spec.Sensitive = secrets{"k": secret("v")}
		u := must(w.acme.Create(ctx, spec))(t)
		tamper(t, st, u.ID, body(t, `"w":1`, `"w":2`))
		ref := enduser.ByID(u.ID)
		read := must(w.acme.Get(ctx, ref))(t)
		for what, err := range map[string]error{
			"update":    second(w.acme.Update(ctx, ref, rename)),
			"upsert":    third(w.acme.Upsert(ctx, enduser.Spec{ExternalID: "crm-7", Name: "Eve"})),
			"associate": second(w.acme.Associate(ctx, ref)),
			"sensitive": third(w.acme.Upsert(ctx, enduser.Spec{ExternalID: "crm-7", Sensitive: spec.Sensitive})),
		} {
			wantErr(t, what, err, enduser.ErrNewer)
			if errors.Is(err, enduser.ErrCorrupt) {
				t.Errorf("%s: %v", what, err)
			}
		}
		w.schema.IndexedMetadata = []string{"plan"}
		n, err := w.acme.Reindex(ctx)
		wantErr(t, "reindex", err, enduser.ErrNewer)
		if n != 0 {
			t.Errorf("reindexed %d", n)
		}
		w.schema.IndexedMetadata = nil
		diff(t, "after", must(w.acme.Get(ctx, ref))(t), read)
		wantErr(t, "made permanent", third(w.acme.Ensure(ctx, enduser.Spec{ExternalID: "crm-7"})), enduser.ErrNewer)
		same := upserted(w.acme.Upsert(ctx, enduser.Spec{ExternalID: "crm-7", ExpiresIn: 1}))(t, enduser.Unchanged)
		diff(t, "what changes nothing", same, read)
		diff(t, "ensured", upserted(w.acme.Ensure(ctx, enduser.Spec{ExternalID: "crm-7", ExpiresIn: 1}))(t, enduser.Unchanged), read)
		diff(t, "listed", ids(must(w.acme.List(ctx, enduser.Query{}))(t).Users), []string{u.ID})

		// It can be taken over when it has expired, and expires by itself.
		w.Advance(time.Hour)
		taken := upserted(w.acme.Upsert(ctx, enduser.Spec{ExternalID: "crm-7", ExpiresIn: time.Minute}))(t, enduser.Created)
		tamper(t, st, taken.ID, body(t, `"w":1`, `"w":2`))
		w.Advance(time.Minute)
		if n := must(w.users.Sweep(ctx))(t); n != 1 {
			t.Errorf("swept %d", n)
		}
		last := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "crm-7"}))(t)
		tamper(t, st, last.ID, body(t, `"w":1`, `"w":2`))
		version := must(w.acme.Get(ctx, enduser.ByID(last.ID)))(t).Version
		if err := w.acme.Delete(ctx, enduser.ByExternalID("crm-7"), enduser.IfVersion(version)); err != nil {
			t.Error(err)
		}
		must(w.acme.Create(ctx, enduser.Spec{ExternalID: "crm-7"}))(t)
	})
}

func TestGroupsThatOnlyANewerProgramMayWrite(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		groups := w.acme.Groups()
		g, token, err := groups.Create(ctx, enduser.GroupSpec{ExternalID: "team"})
		if err != nil {
			t.Fatal(err)
		}
		tamper(t, st, g.ID, body(t, `"w":1`, `"w":2`))
		ref := enduser.GroupByID(g.ID)
		wantErr(t, "update", second(groups.Update(ctx, ref, func(g *enduser.Group) error { g.SystemProperties["demo"] = enduser.Bool(true); return nil })), enduser.ErrNewer)
		wantErr(t, "rotate", third(groups.Rotate(ctx, ref, 0)), enduser.ErrNewer)
		next := enduser.New(st, &enduser.Options{Now: w.Now, Keyring: enduser.NewKeyring(testKey("k2"), testKey("k1"))})
		wantErr(t, "reseal", second(next.Reseal(ctx)), enduser.ErrNewer)
		must(groups.Authenticate(ctx, token))(t)
		if there := ensured(groups.Ensure(ctx, enduser.GroupSpec{ExternalID: "team"}))(t, enduser.Unchanged); there.ID != g.ID {
			t.Errorf("ensured %s", there.ID)
		}
		if err := groups.Delete(ctx, ref); err != nil {
			t.Error(err)
		}

		u := must(w.acme.Create(ctx, enduser.Spec{Sensitive: secrets{"k": secret("v")}}))(t)
		tamper(t, st, "sensitive/"+u.ID, body(t, `"w":1`, `"w":2`))
		set := func(e *enduser.Edit) error { e.SetSensitive("l", secret("w")); return nil }
		wantErr(t, "set", second(w.acme.Update(ctx, enduser.ByID(u.ID), set)), enduser.ErrNewer)
		reveals(t, "values", w.acme, enduser.ByID(u.ID), values{"k": enduser.String("v")})
		must(w.acme.Update(ctx, enduser.ByID(u.ID), rename))(t)
		if err := w.acme.Delete(ctx, enduser.ByID(u.ID)); err != nil {
			t.Error(err)
		}
		diff(t, "left", sensitiveOf(t, st, "acme"), []string{})
	})
}
