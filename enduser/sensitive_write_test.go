package enduser_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// secrets are values to write.
type secrets = map[string]enduser.Secret

// values are values that were revealed.
type values = map[string]enduser.Value

func secret(s string) enduser.Secret { return enduser.NewSecret(enduser.String(s)) }

// reveals checks a user's sensitive values.
func reveals(t testing.TB, what string, tenant enduser.Tenant, ref enduser.Ref, want values) {
	t.Helper()
	diff(t, what, must(tenant.RevealSensitive(t.Context(), ref))(t), want)
}

// sensitiveOf returns the IDs of the users that have a sensitive record.
func sensitiveOf(t testing.TB, st store.Store, name string) []string {
	t.Helper()
	var ids []string
	for q := (store.Query{Kind: "sensitive", Limit: store.MaxLimit}); ; {
		page := must(st.List(t.Context(), name, q))(t)
		for _, r := range page.Records {
			ids = append(ids, strings.TrimPrefix(r.ID, "sensitive/"))
		}
		if page.Next == 0 {
			slices.Sort(ids)
			return ids
		}
		q.After = page.Next
	}
}

// Create sets the values of a spec. Ensure leaves an existing user as it is, and Upsert
// merges.
func TestSensitiveInSpecs(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		ref := enduser.ByExternalID("a")
		s := enduser.Spec{ExternalID: "a", Sensitive: secrets{
			"ssn": secret("078-05-1120"), "pin": enduser.NewSecret(enduser.Int(-1 << 63)), "ok": enduser.NewSecret(enduser.Bool(false)),
			"gone": enduser.NewSecret(enduser.Null), "text": secret("\x00\u2028\"\\\U0010ffff"),
		}}
		want := values{
			"ssn": enduser.String("078-05-1120"), "pin": enduser.Int(-1 << 63), "ok": enduser.Bool(false), "text": enduser.String("\x00\u2028\"\\\U0010ffff"),
		}
		u := must(w.acme.Create(ctx, s))(t)
		reveals(t, "created", w.acme, ref, want)
		diff(t, "read", must(w.acme.Get(ctx, ref))(t), u)
		if u.Revision != 2 {
			t.Errorf("revision %d", u.Revision)
		}
		s.Sensitive = secrets{"ssn": secret("other"), "new": secret("new")}
		same := upserted(w.acme.Ensure(ctx, s))(t, enduser.Unchanged)
		diff(t, "ensured", same, u)
		reveals(t, "ensured", w.acme, ref, want)
		diff(t, "feed", feed(t, w.acme), []string{"created " + u.ID})

		w.Advance(time.Minute)
		s.Sensitive["pin"], s.Sensitive["never"] = enduser.Secret{}, enduser.Secret{}
		merged := upserted(w.acme.As("bob").Upsert(ctx, s))(t, enduser.Updated)
		want["ssn"], want["new"] = enduser.String("other"), enduser.String("new")
		delete(want, "pin")
		reveals(t, "upserted", w.acme, ref, want)
		change := changesAfter(t, w.acme, u.Revision)
		diff(t, "feed", change, []enduser.Change{{
			Revision: merged.Revision, Type: enduser.ChangeUpdated, Kind: "user", ID: u.ID, Actor: "bob", At: w.Now().UTC(),
			Fields: []string{"sensitive.new", "sensitive.pin", "sensitive.ssn"},
		}})
		if !merged.UpdatedAt.Equal(w.Now()) || merged.UpdatedBy != "bob" || merged.Revision <= u.Revision {
			t.Errorf("%v by %q, revision %d", merged.UpdatedAt, merged.UpdatedBy, merged.Revision)
		}
		diff(t, "read", must(w.acme.Get(ctx, ref))(t), merged)
		// Ensure and Upsert make users with values too.
		for i, call := range []func(enduser.Spec) (enduser.User, enduser.Outcome, error){
			func(s enduser.Spec) (enduser.User, enduser.Outcome, error) { return w.acme.Ensure(ctx, s) },
			func(s enduser.Spec) (enduser.User, enduser.Outcome, error) { return w.acme.Upsert(ctx, s) },
		} {
			id := fmt.Sprint("new", i)
			upserted(call(enduser.Spec{ExternalID: id, Sensitive: secrets{"k": secret(id)}}))(t, enduser.Created)
			reveals(t, id, w.acme, enduser.ByExternalID(id), values{"k": enduser.String(id)})
		}
		// Null values alone make no record.
		bare := must(w.acme.Create(ctx, enduser.Spec{Sensitive: secrets{"a": {}}}))(t)
		if ids := sensitiveOf(t, st, "acme"); slices.Contains(ids, bare.ID) || len(ids) != 3 {
			t.Errorf("records of %v", ids)
		}
	})
}

func TestSensitiveInUpdates(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a"}))(t)
		ref := enduser.ByID(u.ID)
		want := make(values)
		for _, step := range []struct {
			name   string
			edit   func(*enduser.Edit)
			set    values
			remove []string
			fields []string // nil: nothing is written
		}{
			{"null of nothing", func(u *enduser.Edit) { u.SetSensitive("a", enduser.Secret{}) }, nil, nil, nil},
			{"clear of nothing", func(u *enduser.Edit) { u.ClearSensitive() }, nil, nil, nil},
			{"set", func(u *enduser.Edit) {
				u.SetSensitive("a", secret("1"))
				u.SetSensitive("b", enduser.NewSecret(enduser.Int(2)))
			}, values{"a": enduser.String("1"), "b": enduser.Int(2)}, nil, []string{"a", "b"}},
			{"the same again", func(u *enduser.Edit) { u.SetSensitive("a", secret("1")) }, nil, nil, []string{"a"}}, // it lives longer
			{"null", func(u *enduser.Edit) { u.SetSensitive("a", enduser.NewSecret(enduser.Null)) }, nil, []string{"a"}, []string{"a"}},
			{"null again", func(u *enduser.Edit) { u.SetSensitive("a", enduser.Secret{}) }, nil, nil, nil},
			{"set, then null", func(u *enduser.Edit) {
				u.SetSensitive("b", secret("x"))
				u.SetSensitive("b", enduser.Secret{})
			}, nil, []string{"b"}, []string{"b"}},
			{"null, then set", func(u *enduser.Edit) {
				u.SetSensitive("c", enduser.Secret{})
				u.SetSensitive("c", secret("3"))
			}, values{"c": enduser.String("3")}, nil, []string{"c"}},
			{"clear and set", func(u *enduser.Edit) {
				u.SetSensitive("lost", secret("x"))
				u.ClearSensitive()
				u.SetSensitive("d", secret("4"))
			}, values{"d": enduser.String("4")}, []string{"c"}, []string{"c", "d"}},
			{"clear and set the same", func(u *enduser.Edit) {
				u.ClearSensitive()
				u.SetSensitive("d", secret("5"))
			}, values{"d": enduser.String("5")}, nil, []string{"d"}},
			{"clear", func(u *enduser.Edit) { u.ClearSensitive() }, nil, []string{"d"}, []string{"d"}},
			{"on another Edit", func(u *enduser.Edit) {
				outside := enduser.Edit{User: u.User}
				outside.SetSensitive("outside", secret("x"))
				u.SetSensitive("inside", secret("5"))
				u.User = outside.User
			}, values{"inside": enduser.String("5")}, nil, []string{"inside"}},
			{"clear again", func(u *enduser.Edit) { u.ClearSensitive() }, nil, []string{"inside"}, []string{"inside"}},
			{"set after all", func(u *enduser.Edit) { u.SetSensitive("e", secret("6")) }, values{"e": enduser.String("6")}, nil, []string{"e"}},
		} {
			w.Advance(time.Second)
			before := must(w.acme.Get(ctx, ref))(t)
			got := must(w.acme.Update(ctx, ref, func(u *enduser.Edit) error { step.edit(u); return nil }))(t)
			maps.Copy(want, step.set)
			for _, key := range step.remove {
				delete(want, key)
			}
			reveals(t, step.name, w.acme, ref, want)
			changes := changesAfter(t, w.acme, before.Revision)
			if step.fields == nil {
				diff(t, step.name, got, before)
				if len(changes) != 0 {
					t.Errorf("%s: changes %+v", step.name, changes)
				}
				continue
			}
			for i, f := range step.fields {
				step.fields[i] = "sensitive." + f
			}
			if len(changes) != 1 || !slices.Equal(changes[0].Fields, step.fields) || changes[0].Revision != got.Revision || changes[0].Type != enduser.ChangeUpdated {
				t.Errorf("%s: changes %+v, want fields %v", step.name, changes, step.fields)
			}
			after := must(w.acme.Get(ctx, ref))(t)
			diff(t, step.name, got, after)
			if !after.UpdatedAt.Equal(w.Now()) || after.Revision <= before.Revision {
				t.Errorf("%s: revision %d of %v", step.name, after.Revision, after.UpdatedAt)
			}
			exists := slices.Contains(sensitiveOf(t, st, "acme"), u.ID)
			if exists != (len(want) > 0) {
				t.Errorf("%s: there is a record: %v, want %d values", step.name, exists, len(want))
			}
		}
		refuse := errors.New("refused")
		wantErr(t, "refused", second(w.acme.Update(ctx, ref, func(u *enduser.Edit) error { u.ClearSensitive(); return refuse })), refuse)
		reveals(t, "refused", w.acme, ref, want)
	})
}

// Writes that set no values neither change nor rewrite the sensitive record.
func TestOtherWritesKeepSensitive(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		acme := w.acme.With(unique)
		u := must(acme.Create(ctx, enduser.Spec{ExternalID: "a", ExpiresIn: time.Hour, Sensitive: secrets{"k": secret("v")}}))(t)
		ref, want := enduser.ByID(u.ID), values{"k": enduser.String("v")}
		account := enduser.Account{Type: "irc", ID: "a"}
		before := must(st.Get(ctx, "acme", store.ID("sensitive/"+u.ID)))(t)
		for name, call := range map[string]func() error{
			"link":      func() error { return second(acme.Link(ctx, ref, account)) },
			"unlink":    func() error { return second(acme.Unlink(ctx, ref, account)) },
			"update":    func() error { return second(acme.Update(ctx, ref, rename)) },
			"associate": func() error { return second(acme.Associate(ctx, ref)) },
			"reindex": func() error {
				w.schema.IndexedMetadata = []string{"k"}
				return second(acme.Reindex(ctx))
			},
			"upsert": func() error {
				_, _, err := acme.Upsert(ctx, enduser.Spec{ExternalID: "A", Email: "a@example.com", Metadata: enduser.Metadata{"k": enduser.Int(1)}})
				return err
			},
			"rename": func() error {
				return second(acme.Update(ctx, ref, func(u *enduser.Edit) error { u.ExternalID = "b"; return nil }))
			},
		} {
			if err := call(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if name == "rename" {
				must(acme.Update(ctx, ref, func(u *enduser.Edit) error { u.ExternalID = "a"; return nil }))(t)
			}
			reveals(t, name, acme, ref, want)
		}
		if after := must(st.Get(ctx, "acme", store.ID("sensitive/"+u.ID)))(t); after.Revision != before.Revision {
			t.Error("the record of the values was written")
		}
	})
}
