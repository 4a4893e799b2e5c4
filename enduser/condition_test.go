package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// What a condition on versions is asked about.
type state int

const (
	nothing state = iota
	readable
	corrupt
)

// versionConditions returns every condition on versions, for what is at a version, and
// when it holds.
func versionConditions(at, other enduser.Version) map[string]struct {
	cond  enduser.Condition
	holds map[state]bool
} {
	type row = struct {
		cond  enduser.Condition
		holds map[state]bool
	}
	never := map[state]bool{}
	always := map[state]bool{nothing: true, readable: true, corrupt: true}
	return map[string]row{
		"none":               {enduser.Condition{}, always},
		"at it":              {enduser.IfVersion(at), map[state]bool{readable: true}},
		"at one of two":      {enduser.IfVersion(other, at), map[state]bool{readable: true}},
		"at another":         {enduser.IfVersion(other), never},
		"at no version":      {enduser.IfVersion(), never},
		"at the zero one":    {enduser.IfVersion(enduser.Version{}), never},
		"at zero or another": {enduser.IfVersion(enduser.Version{}, other), never},
		"not at it":          {enduser.IfNotVersion(at), map[state]bool{nothing: true, corrupt: true}},
		"not at one of two":  {enduser.IfNotVersion(other, at), map[state]bool{nothing: true, corrupt: true}},
		"not at another":     {enduser.IfNotVersion(other), always},
		"not at any of none": {enduser.IfNotVersion(), always},
		"exists":             {enduser.IfExists(), map[state]bool{readable: true, corrupt: true}},
		"absent":             {enduser.IfAbsent(), map[state]bool{nothing: true}},
	}
}

// The preconditions of RFC 9110 hold as its section 13.1 says, for every call and state,
// alone and two together; and what they refuse is not done.
func TestConditionsOnVersions(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	ref := enduser.ByExternalID("crm-7")
	spec := enduser.Spec{ExternalID: "crm-7", Name: "Ann"}
	groupSpec, group := enduser.GroupSpec{ExternalID: "crm-7"}, enduser.GroupByExternalID("crm-7")
	demo := func(g *enduser.Group) error { g.SystemProperties["demo"] = enduser.Bool(true); return nil }
	missing := map[state]error{nothing: enduser.ErrNotFound, corrupt: enduser.ErrCorrupt}
	calls := map[string]struct {
		call func(*world, ...enduser.Condition) error
		only map[state]error // what comes before the conditions

		blind bool // it checks the conditions first as if there were nothing
	}{
		"create": {
			call: func(w *world, c ...enduser.Condition) error { return second(w.acme.Create(ctx, spec, c...)) },
			only: map[state]error{readable: enduser.ErrConflict, corrupt: enduser.ErrCorrupt},
		},
		"ensure": {
			call: func(w *world, c ...enduser.Condition) error { return third(w.acme.Ensure(ctx, spec, c...)) },
			only: map[state]error{corrupt: enduser.ErrCorrupt},
		},
		"upsert": {
			call: func(w *world, c ...enduser.Condition) error { return third(w.acme.Upsert(ctx, spec, c...)) },
			only: map[state]error{corrupt: enduser.ErrCorrupt},
		},
		"update": {
			call: func(w *world, c ...enduser.Condition) error { return second(w.acme.Update(ctx, ref, rename, c...)) },
			only: missing,
		},
		"associate": {
			call: func(w *world, c ...enduser.Condition) error { return second(w.acme.Associate(ctx, ref, c...)) },
			only: missing,
		},
		"delete": {
			call: func(w *world, c ...enduser.Condition) error { return w.acme.Delete(ctx, enduser.ByID("u2"), c...) },
			only: map[state]error{nothing: enduser.ErrNotFound},
		},
		"create group": {
			call: func(w *world, c ...enduser.Condition) error {
				return third(w.acme.Groups().Create(ctx, groupSpec, c...))
			},
			only: map[state]error{readable: enduser.ErrConflict, corrupt: enduser.ErrCorrupt}, blind: true,
		},
		"ensure group": {
			call: func(w *world, c ...enduser.Condition) error {
				return third(w.acme.Groups().Ensure(ctx, groupSpec, c...))
			},
			only: map[state]error{corrupt: enduser.ErrCorrupt}, blind: true,
		},
		"update group": {
			call: func(w *world, c ...enduser.Condition) error {
				return second(w.acme.Groups().Update(ctx, group, demo, c...))
			},
			only: missing,
		},
		"rotate group": {
			call: func(w *world, c ...enduser.Condition) error {
				return third(w.acme.Groups().Rotate(ctx, group, 0, c...))
			},
			only: missing,
		},
		"delete group": {
			call: func(w *world, c ...enduser.Condition) error {
				return w.acme.Groups().Delete(ctx, enduser.GroupByID("u2"), c...)
			},
			only: map[state]error{nothing: enduser.ErrNotFound},
		},
	}
	for what, c := range calls {
		for st := nothing; st <= corrupt; st++ {
			names := versionConditions(enduser.Version{}, enduser.Version{})
			for one := range names {
				for two := range names {
					if one > two {
						continue // TestConditions has their order
					}
					w, at, other := worldIn(t, strings.HasSuffix(what, " group"), st)
					conds := versionConditions(at, other)
					var want error
					if !conds[one].holds[st] || !conds[two].holds[st] {
						want = enduser.ErrVersion
					}
					if err, ok := c.only[st]; ok {
						want = err
					}
					if c.blind && st == corrupt && (!conds[one].holds[nothing] || !conds[two].holds[nothing]) {
						want = enduser.ErrVersion
					}
					before := feed(t, w.acme)
					err := c.call(w, conds[one].cond, conds[two].cond)
					name := fmt.Sprintf("%s of state %d, if %s and %s", what, st, one, two)
					wantErr(t, name, err, want)
					if err != nil {
						diff(t, name+": feed", feed(t, w.acme), before)
					}
				}
			}
		}
	}
}

// worldIn returns a world whose user, or group, crm-7 is in a state. Its ID is u2. It
// also returns its version, and another's.
func worldIn(t *testing.T, group bool, st state) (w *world, at, other enduser.Version) {
	t.Helper()
	mem := memory.New(nil)
	w = newWorld(mem)
	create := func(id string) enduser.Version {
		if group {
			return made(w.acme.Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: id}))(t).Version
		}
		return must(w.acme.Create(t.Context(), enduser.Spec{ExternalID: id}))(t).Version
	}
	other = create("other")
	if st != nothing {
		at = create("crm-7")
	}
	if st == corrupt {
		tamper(t, mem, "u2", func(r *store.Record) { r.Data = []byte("{") })
	}
	return w, at, other
}

// IfUser is asked about the user that is there before it is shown or changed, and never
// where there is none.
func TestConditionsOfEnsureAndUpsert(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		refuse := errors.New("refused")
		var asked []string
		ask := func(err error) enduser.Condition {
			return enduser.IfUser(func(u enduser.User) error {
				asked = append(asked, u.ID)
				return err
			})
		}
		spec := enduser.Spec{ExternalID: "crm-7", Name: "Ann", ExpiresIn: enduser.ProvisionalTTL}
		for what, call := range map[string]func(context.Context, enduser.Spec, ...enduser.Condition) (enduser.User, enduser.Outcome, error){
			"ensure": w.acme.Ensure, "upsert": w.acme.Upsert,
		} {
			asked = nil
			spec.ExternalID = "crm-" + what
			u := upserted(call(ctx, spec, ask(refuse)))(t, enduser.Created)
			diff(t, what+": asked about nobody", len(asked), 0)
			other := spec
			other.Name = "Other"
			got, outcome, err := call(ctx, other, ask(refuse))
			wantErr(t, what, err, refuse)
			if got.ID != "" || outcome != 0 {
				t.Errorf("%s: %v %v with an error", what, got, outcome)
			}
			other.ExpiresIn = 0
			wantErr(t, what+" for good", third(call(ctx, other, ask(refuse))), refuse)
			diff(t, what+": as it was", must(w.acme.Get(ctx, enduser.ByID(u.ID)))(t), u)
			diff(t, what+": asked", asked, []string{u.ID, u.ID})
			kept := upserted(call(ctx, other, ask(nil), enduser.IfVersion(u.Version)))(t, enduser.Updated)
			wantErr(t, what+" at an old version", third(call(ctx, other, enduser.IfVersion(u.Version))), enduser.ErrVersion)
			diff(t, what+" again", upserted(call(ctx, other, enduser.IfVersion(kept.Version)))(t, enduser.Unchanged), kept)
			wantInvalid(t, what+": a condition of groups", third(call(ctx, other, enduser.IfGroup(nil))), "condition invalid_value")
		}
	})
}

// Of many that have to make the user, one does; of many that update one version, one does.
func TestConditionsOfRacingUpserts(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		var none enduser.Version
		for round, cond := 0, enduser.IfAbsent(); round < 3; round++ {
			outcomes := make([]enduser.Outcome, callers)
			versions := make([]enduser.Version, callers)
			at(func(i int) {
				u, outcome, err := w.acme.Upsert(ctx, enduser.Spec{ExternalID: "crm-7", Name: fmt.Sprint(round, i)}, cond)
				if err != nil && !errors.Is(err, enduser.ErrVersion) {
					t.Errorf("round %d: %v", round, err)
				}
				outcomes[i], versions[i] = outcome, u.Version
			})
			won := none
			for i, outcome := range outcomes {
				if outcome == 0 {
					continue
				}
				if want := map[bool]enduser.Outcome{true: enduser.Created, false: enduser.Updated}[round == 0]; outcome != want || won != none {
					t.Errorf("round %d: %v, and another won before: %v", round, outcome, won != none)
				}
				won = versions[i]
			}
			if u := must(w.acme.Get(ctx, enduser.ByExternalID("crm-7")))(t); u.Version != won {
				t.Errorf("round %d: at %s, but %s won", round, u.Version, won)
			}
			cond = enduser.IfVersion(won)
		}
	})
}

// A condition for the other kind is invalid, also where there is nothing to check it for.
func TestConditionsOfTheOtherKind(t *testing.T) {
	t.Parallel()
	w := newWorld(memory.New(nil))
	ctx := t.Context()
	ofUsers, ofGroups := enduser.IfUser(func(enduser.User) error { return nil }), enduser.IfGroup(func(enduser.Group) error { return nil })
	const want = "condition invalid_value"
	wantInvalid(t, "create", second(w.acme.Create(ctx, enduser.Spec{ExternalID: "a"}, ofGroups)), want)
	wantInvalid(t, "ensure", third(w.acme.Ensure(ctx, enduser.Spec{ExternalID: "a"}, ofGroups)), want)
	wantInvalid(t, "ensure group", third(w.acme.Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: "a"}, ofUsers)), want)
	_, _, err := w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "a"}, ofUsers)
	wantInvalid(t, "create group", err, want)
}
