package golden

import (
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// State is everything that a tenant's environment has: at most 100 groups, and 1000
// changes.
type State struct {
	Users   []enduser.User
	Secrets []map[string]enduser.Value // of each user
	Groups  []enduser.Group
	Tokens  []string // of each group
	Changes []enduser.Change
}

// StateOf returns what a tenant's environment has now. Its Manager must have a
// Keyring, as a World's has.
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
	page, err := t.ListGroups(tb.Context(), enduser.GroupQuery{Limit: 100})
	fatal(err)
	for _, g := range page.Groups {
		token, err := t.RevealGroupToken(tb.Context(), g)
		fatal(err)
		s.Groups, s.Tokens = append(s.Groups, g), append(s.Tokens, token)
	}
	changes, err := t.Changes(tb.Context(), 0, 1000)
	fatal(err)
	s.Changes = append(s.Changes, changes...) // nil if there are none, on every store
	return s
}

// Embedded runs a test at once over each store that needs no server, which is empty.
func Embedded(t *testing.T, test func(t *testing.T, st store.Store)) {
	t.Helper()
	for name, open := range map[string]func(testing.TB) store.Store{
		"memory": func(testing.TB) store.Store { return memory.New() },
		"sqlite": SQLite,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}
