package enduser_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// brokenRing is a Keyring in which things go wrong on request.
type brokenRing struct {
	enduser.Keyring

	sealing, opening, destroying error
	zero                         bool // it returns the zero Key
	deadlines                    []time.Time
	destroyed                    int
}

func (r *brokenRing) SealingKey(ctx context.Context, deadline time.Time) (enduser.Key, error) {
	r.deadlines = append(r.deadlines, deadline)
	if r.zero || r.sealing != nil {
		return enduser.Key{}, r.sealing
	}
	return r.Keyring.SealingKey(ctx, deadline)
}

func (r *brokenRing) OpeningKey(ctx context.Context, id string) (enduser.Key, error) {
	if r.zero || r.opening != nil {
		return enduser.Key{}, r.opening
	}
	return r.Keyring.OpeningKey(ctx, id)
}

func (r *brokenRing) DestroyKeys(context.Context) error {
	r.destroyed++
	return r.destroying
}

// sealingCalls are the calls that seal or open something.
func sealingCalls(ctx context.Context, w *world, g enduser.Group, u enduser.User) (seal, open map[string]func() error) {
	seal = map[string]func() error{
		"create group": func() error { return third(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "new"})) },
		"ensure group": func() error {
			_, _, err := w.acme.Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: "new"})
			return err
		},
		"rotate":      func() error { return third(w.acme.Groups().Rotate(ctx, enduser.GroupByID(g.ID), time.Hour)) },
		"create user": func() error { return second(w.acme.Create(ctx, enduser.Spec{Sensitive: secrets{"k": secret("v")}})) },
		"update user": func() error {
			return second(w.acme.Update(ctx, enduser.ByID(u.ID), func(u *enduser.Edit) error { u.SetSensitive("k", secret("w")); return nil }))
		},
	}
	open = map[string]func() error{
		"reveal token":     func() error { return second(w.acme.Groups().Reveal(ctx, g)) },
		"reveal sensitive": func() error { return second(w.acme.RevealSensitive(ctx, enduser.ByID(u.ID))) },
		"reseal":           func() error { return second(w.users.Reseal(ctx)) },
	}
	return seal, open
}

// If the keyring fails, calls return ErrUnavailable with the cause, and nothing is
// written. An error of the context stays that error.
func TestKeyringThatFails(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		ring := &brokenRing{Keyring: enduser.NewKeyring(testKey("k1"))}
		w := newWorld(st)
		w.users = enduser.New(st, &enduser.Options{Now: w.Now, NewID: counter("u"), Keyring: ring})
		w.acme = w.users.Tenant("acme")
		u := must(w.acme.Create(ctx, enduser.Spec{Sensitive: secrets{"k": secret("v")}}))(t)
		g := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
		if d := ring.deadlines; len(d) != 2 || !d[0].Equal(epoch.Add(enduser.SensitiveTTL)) || !d[1].IsZero() {
			t.Errorf("keys were asked for with deadlines %v", d)
		}
		down := errors.New("kms: 503")
		for _, c := range []struct {
			name                 string
			set                  func()
			seal, open, opposite error
		}{
			{"down", func() { ring.sealing, ring.opening = down, down }, enduser.ErrUnavailable, enduser.ErrUnavailable, context.Canceled},
			{"cause", func() { ring.sealing, ring.opening = down, down }, down, down, enduser.ErrUnknown},
			{"canceled", func() { ring.sealing, ring.opening = context.Canceled, context.Canceled }, context.Canceled, context.Canceled, enduser.ErrUnavailable},
			{"late", func() { ring.sealing, ring.opening = context.DeadlineExceeded, context.DeadlineExceeded }, context.DeadlineExceeded, context.DeadlineExceeded, enduser.ErrUnavailable},
			{"no key", func() { ring.sealing, ring.opening = enduser.ErrNoKey, enduser.ErrNoKey }, enduser.ErrUnavailable, enduser.ErrNoKey, enduser.ErrCorrupt},
			{"zero key", func() { ring.sealing, ring.opening, ring.zero = nil, nil, true }, enduser.ErrUnavailable, enduser.ErrUnavailable, enduser.ErrCorrupt},
		} {
			c.set()
			seal, open := sealingCalls(ctx, w, g, u)
			for name, call := range seal {
				err := call()
				wantErr(t, c.name+": "+name, err, c.seal)
				if errors.Is(err, c.opposite) {
					t.Errorf("%s: %s: %v", c.name, name, err)
				}
			}
			for name, call := range open {
				err := call()
				wantErr(t, c.name+": "+name, err, c.open)
				if errors.Is(err, c.opposite) {
					t.Errorf("%s: %s: %v", c.name, name, err)
				}
			}
			ring.sealing, ring.opening, ring.zero = nil, nil, false
			diff(t, c.name+": feed", feed(t, w.acme), []string{"created " + u.ID, "created " + g.ID})
			reveals(t, c.name, w.acme, enduser.ByID(u.ID), values{"k": enduser.String("v")})
		}
		// Calls that need no key go on.
		ring.sealing, ring.opening = down, down
		must(w.acme.Groups().Update(ctx, enduser.GroupByID(g.ID), func(g *enduser.Group) error { g.Name = "x"; return nil }))(t)
		must(w.acme.Update(ctx, enduser.ByID(u.ID), func(u *enduser.Edit) error { u.ClearSensitive(); return nil }))(t)
		must(w.users.CountSealed(ctx))(t)
		ok(t, w.acme.Groups().Delete(ctx, enduser.GroupByID(g.ID)))
	})
}

// Sweep destroys expired keys. If the keyring fails, Sweep does the rest and returns the
// error.
func TestSweepDestroysKeys(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		ring := &brokenRing{Keyring: enduser.NewKeyring(testKey("k1"))}
		w := newWorld(st)
		w.users = enduser.New(st, &enduser.Options{Now: w.Now, NewID: counter("u"), Keyring: ring})
		w.acme = w.users.Tenant("acme")
		for i, c := range []struct{ fails, want error }{
			{nil, nil}, {errors.New("disk: read-only"), enduser.ErrUnavailable}, {context.Canceled, context.Canceled},
		} {
			u := must(w.acme.Create(ctx, enduser.Spec{ExpiresIn: time.Minute, Sensitive: secrets{"k": secret("v")}}))(t)
			w.Advance(time.Minute)
			ring.destroying = c.fails
			n, err := w.users.Sweep(ctx)
			if n != 1 || ring.destroyed != i+1 || !errors.Is(err, c.want) || !errors.Is(err, c.fails) {
				t.Errorf("swept %d, destroyed keys %d times, %v", n, ring.destroyed, err)
			}
			if _, err := st.Get(ctx, "acme", store.ID(u.ID)); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s is still there: %v", u.ID, err)
			}
		}
	})
}

// Of values and tokens under a lost key, reads return ErrNoKey. Others are unaffected: a
// value whose key is lost hides no other value of its user.
func TestLostKey(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		u := must(w.acme.Create(ctx, enduser.Spec{Sensitive: secrets{"k": secret("v")}}))(t)
		g := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
		token := must(w.acme.Groups().Reveal(ctx, g))(t)
		users := enduser.New(st, &enduser.Options{Now: w.Now, NewID: counter("o"), Keyring: enduser.NewKeyring(testKey("k2"))})
		acme := users.Tenant("acme")
		wantErr(t, "reveal", second(acme.RevealSensitive(ctx, enduser.ByID(u.ID))), enduser.ErrNoKey)
		wantErr(t, "reveal token", second(acme.Groups().Reveal(ctx, g)), enduser.ErrNoKey)
		wantErr(t, "reseal", second(users.Reseal(ctx)), enduser.ErrNoKey)
		accepts(t, "authenticated all the same", acme, g.ID, []string{token}, true)
		// A write needs only the new key, and values under the old one stay.
		must(acme.Update(ctx, enduser.ByID(u.ID), func(u *enduser.Edit) error { u.SetSensitive("l", secret("w")); return nil }))(t)
		got, err := acme.RevealSensitive(ctx, enduser.ByID(u.ID))
		wantErr(t, "reveal", err, enduser.ErrNoKey)
		diff(t, "revealed beside the error", got, values{"l": enduser.String("w")})
		must(acme.Update(ctx, enduser.ByID(u.ID), func(u *enduser.Edit) error { u.SetSensitive("k", secret("x")); return nil }))(t)
		reveals(t, "written anew", acme, enduser.ByID(u.ID), values{"k": enduser.String("x"), "l": enduser.String("w")})
		g = made(acme.Groups().Rotate(ctx, enduser.GroupByToken(token), 0))(t)
		must(acme.Groups().Reveal(ctx, g))(t)
		if n := must(users.Reseal(ctx))(t); n != 0 {
			t.Errorf("sealed %d anew", n)
		}
	})
}

// Without a Keyring, calls that seal or open something return ErrNoKeyring and write
// nothing; other calls go on.
func TestWithoutKeyring(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		g, token := team(t, w.acme, "team")
		u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "a", Sensitive: secrets{"k": secret("v"), "l": secret("w")}}))(t)
		bare := *w
		bare.users = enduser.New(st, &enduser.Options{Now: w.Now, NewID: counter("b")})
		bare.acme = bare.users.Tenant("acme")
		acme, groups, user, team := bare.acme, bare.acme.Groups(), enduser.ByID(u.ID), enduser.GroupByID(g.ID)
		if bare.users.HasKeyring() || !w.users.HasKeyring() {
			t.Error("HasKeyring")
		}
		seal, open := sealingCalls(ctx, &bare, g, u)
		maps.Copy(seal, open)
		taken := enduser.Spec{ExternalID: "A", Sensitive: secrets{"k": secret("v")}}
		seal["create taken"] = func() error { return second(acme.Create(ctx, taken)) }
		seal["upsert merges"] = func() error { return third(acme.Upsert(ctx, taken)) }
		seal["upsert new"] = func() error {
			return third(acme.Upsert(ctx, enduser.Spec{ExternalID: "new", Sensitive: taken.Sensitive}))
		}
		seal["ensure new"] = func() error {
			return third(acme.Ensure(ctx, enduser.Spec{ExternalID: "new", Sensitive: taken.Sensitive}))
		}
		for name, call := range seal {
			wantErr(t, name, call(), enduser.ErrNoKeyring)
		}
		wantInvalid(t, "invalid comes first", third(groups.Create(ctx, enduser.GroupSpec{})), "external_id required")
		diff(t, "feed", feed(t, w.acme), []string{"created " + g.ID, "created " + u.ID})

		diff(t, "ensured", upserted(acme.Ensure(ctx, taken))(t, enduser.Unchanged), u)
		diff(t, "ensured group", ensured(groups.Ensure(ctx, enduser.GroupSpec{ExternalID: "team"}))(t, enduser.Unchanged), g)
		diff(t, "read", must(groups.Get(ctx, team))(t), g)
		diff(t, "authenticated", must(groups.Authenticate(ctx, token))(t), g)
		diff(t, "listed", must(groups.List(ctx, enduser.GroupQuery{}))(t).Groups, []enduser.Group{g})
		diff(t, "counted", must(bare.users.CountSealed(ctx))(t), map[string]int{"k1": 3})
		g = must(groups.Update(ctx, team, func(g *enduser.Group) error { g.Name = "x"; return nil }))(t)
		if g.Name != "x" || must(w.acme.Groups().Reveal(ctx, g))(t) != token {
			t.Errorf("updated: %+v", g)
		}
		must(acme.Create(ctx, enduser.Spec{ExternalID: "c", Sensitive: secrets{"k": {}}}))(t)
		must(acme.Update(ctx, user, rename))(t)
		must(acme.Update(ctx, user, func(u *enduser.Edit) error { u.SetSensitive("k", enduser.Secret{}); return nil }))(t)
		reveals(t, "one removed", w.acme, user, values{"l": enduser.String("w")})
		ok(t, errors.Join(acme.Delete(ctx, user), groups.Delete(ctx, team)))
		if ids := sensitiveOf(t, st, "acme"); len(ids) != 0 {
			t.Errorf("left: %v", ids)
		}
	})
}
