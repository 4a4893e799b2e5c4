package apitest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
)

// State is everything that is stored for a tenant's environment.
type State struct {
	Users   []enduser.User
	Secrets []map[string]enduser.Value // of each user
	Groups  []enduser.Group
	Tokens  []string // of each group
	Changes []string // entries of the feed as text
}

// StateOf returns the state of a tenant's environment. The Manager must have a Keyring, as a
// World's has.
func StateOf(tb testing.TB, t enduser.Tenant) (s State) {
	tb.Helper()
	fatal := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	for u, err := range t.All(tb.Context(), enduser.Filter{}) {
		fatal(err)
		secrets, err := t.RevealSensitive(tb.Context(), enduser.ByID(u.ID))
		fatal(err)
		s.Users, s.Secrets = append(s.Users, u), append(s.Secrets, secrets)
	}
	for g, err := range t.Groups().All(tb.Context()) {
		fatal(err)
		token, err := t.Groups().Reveal(tb.Context(), g)
		fatal(err)
		s.Groups, s.Tokens = append(s.Groups, g), append(s.Tokens, token)
	}
	page := enduser.ChangePage{More: true}
	for page.More {
		var err error
		page, err = t.Changes(tb.Context(), enduser.ChangeQuery{After: page.Position})
		fatal(err)
		for _, c := range page.Changes {
			s.Changes = append(s.Changes, fmt.Sprint(c.Position, c.Revision, c.Type, c.Kind, c.ID, c.Actor, c.At, c.Fields))
		}
	}
	return s
}

// Unchanged returns a function that fails the test if the state of acme's Customer environment
// has changed since the call of Unchanged.
func (w *World) Unchanged(tb testing.TB) func() {
	tb.Helper()
	before := StateOf(tb, w.Users.Tenant("acme"))
	return func() {
		tb.Helper()
		if diff := cmp.Diff(before, StateOf(tb, w.Users.Tenant("acme"))); diff != "" {
			tb.Errorf("what acme has changed (-before +after):\n%s", diff)
		}
	}
}
