package enduser_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// chunkRows is how many rows without a common name are written together.
const chunkRows = store.MaxOps

// chunkOf returns rows that are written together: these, and users that are new.
func chunkOf(name string, rows ...enduser.Spec) []enduser.Import {
	var chunk []enduser.Import
	for _, s := range rows {
		chunk = append(chunk, enduser.Import{Spec: s})
	}
	for i := len(chunk); i < chunkRows; i++ {
		chunk = append(chunk, enduser.Import{Spec: enduser.Spec{ExternalID: fmt.Sprint(name, i)}})
	}
	return chunk
}

// Rows that have no name in common can still depend on each other. In each case the first chunk
// has read and is slow to write, so that the third could overtake the second.
func TestBulkKeepsOrderWhereNoNameTellsIt(t *testing.T) {
	account := func(id string) []enduser.Account { return []enduser.Account{{Type: "slack", ID: id}} }
	for name, c := range map[string]struct {
		policy                enduser.Policy
		before, second, third []enduser.Spec
	}{
		"an address is given up too late for an earlier row": {
			unique,
			[]enduser.Spec{{ExternalID: "b", Email: "one@example.com"}},
			[]enduser.Spec{{ExternalID: "a", Email: "one@example.com"}},
			[]enduser.Spec{{ExternalID: "b", Email: "two@example.com"}},
		},
		"an address is given up in time for a later row": {
			unique,
			[]enduser.Spec{{ExternalID: "b", Email: "one@example.com"}},
			[]enduser.Spec{{ExternalID: "b", Email: "two@example.com"}},
			[]enduser.Spec{{Email: "one@example.com", Name: "new"}},
		},
		"one user by several names": {
			enduser.Policy{},
			[]enduser.Spec{
				{ExternalID: "u", Accounts: account("a"), Name: "before"},
				{ExternalID: "u", Accounts: account("b")},
				{ExternalID: "u", Accounts: account("c")},
			},
			[]enduser.Spec{{ExternalID: "u", Name: "one"}, {Accounts: account("a"), Name: "two"}},
			[]enduser.Spec{{Accounts: account("c"), Name: "before"}},
		},
		"one user by two names": {
			enduser.Policy{},
			[]enduser.Spec{{ExternalID: "u", Accounts: account("a"), Name: "before"}},
			[]enduser.Spec{{ExternalID: "u", Name: "one"}},
			[]enduser.Spec{{Accounts: account("a"), Name: "before"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var before []enduser.Import
				for _, s := range c.before {
					before = append(before, enduser.Import{Spec: s})
				}
				rows := append(append(chunkOf("first", enduser.Spec{ExternalID: "invalid", Language: "-"}), chunkOf("second", c.second...)...), chunkOf("third", c.third...)...)
				var got [2][]rowAnswer
				var users [2]map[string]string
				for i := range 2 {
					st := &faultstore.Store{Store: memory.New(nil)}
					s := &side{acme: newWorld(st).acme.With(c.policy), names: make(map[string]string)}
					s.run(t.Context(), before)
					st.OnApply = func(_ int64, ops []store.Op) error {
						if i == 1 && strings.EqualFold(ops[0].New.Unique[0].Value, "first1") {
							<-time.After(time.Second) // nothing of this test takes so long
						}
						return nil
					}
					s.bulk = i == 1
					got[i], users[i] = s.run(t.Context(), rows), make(map[string]string)
					for u, err := range s.acme.All(t.Context(), enduser.Filter{}) {
						if err != nil {
							t.Fatal(err)
						}
						users[i][s.name(u.ID)] = fmt.Sprint(u.ExternalID, u.Name, u.Email, u.Accounts)
					}
				}
				if d := cmp.Diff(got[0], got[1]); d != "" {
					t.Errorf("answers (-row by row +in bulk):\n%s", d)
				}
				if !maps.Equal(users[0], users[1]) {
					t.Errorf("users (-row by row +in bulk):\n%s", cmp.Diff(users[0], users[1]))
				}
			})
		})
	}
}
