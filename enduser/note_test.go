package enduser_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// Where the schema says so, whatever ends a user or group says which external ID it had; and
// nowhere else.
func TestNoteExternalIDs(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		w := newWorld(st)
		ctx := t.Context()
		for _, w.schema.NoteExternalIDs = range []bool{false, true} {
			create := func(id string, lifetime time.Duration) {
				t.Helper()
				must(w.acme.Create(ctx, enduser.Spec{ExternalID: id, ExpiresIn: lifetime}))(t)
			}
			after := must(w.acme.Latest(ctx))(t)
			create("Deleted", 0)
			create("Swept", time.Hour)
			create("Taken", 2*time.Hour)
			create("", time.Hour)
			_, _, err := w.acme.Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: "Group"})
			ok(t, err)
			ok(t, w.acme.Delete(ctx, enduser.ByExternalID("deleted")))
			ok(t, w.acme.Groups().Delete(ctx, enduser.GroupByExternalID("Group")))
			w.Advance(time.Hour)
			swept(t, w.users)
			w.Advance(time.Hour)
			create("taken", time.Second)
			must(w.acme.Update(ctx, enduser.ByExternalID("taken"), func(e *enduser.Edit) error { e.ExternalID = "renamed"; return nil }))(t)
			w.Advance(time.Second)
			swept(t, w.users)

			var got []string
			for _, c := range readFeed(t, w.acme, enduser.ChangeQuery{After: after}) {
				if c.ExternalID != "" {
					got = append(got, string(c.Type)+" "+c.ExternalID)
				}
			}
			slices.Sort(got)
			var want []string
			if w.schema.NoteExternalIDs {
				want = []string{"deleted Deleted", "deleted Group", "expired Swept", "expired Taken", "expired renamed"}
			}
			diff(t, "freed", got, want)
		}
	})
}
