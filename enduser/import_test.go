package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/atonce"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
)

// imported imports one row.
func imported(ctx context.Context, acme enduser.Tenant, in enduser.Import) (enduser.BulkResult, error) {
	for r, err := range acme.ImportAll(ctx, slices.Values([]enduser.Import{in}), nil) {
		return r, err
	}
	return enduser.BulkResult{}, errors.New("no answer")
}

// The IDs that the tests import: one that no Manager makes, and one in the form of its own.
var importIDs = []string{"Cus_9sA", "5f0c4a7be1d2a3b4c5d6e7f8"}

// An imported ID and an external ID never name two users, in any case, whichever was first, and
// whatever becomes of the imported user.
func TestImportedIDsNameNobodyElse(t *testing.T) {
	for _, exact := range []bool{false, true} {
		for _, id := range importIDs {
			t.Run(fmt.Sprint(id, exact), func(t *testing.T) {
				each(t, func(t *testing.T, st store.Store) { namesNobodyElse(t, st, id, exact) })
			})
		}
	}
}

func namesNobodyElse(t *testing.T, st store.Store, id string, exact bool) {
	t.Helper()
	ctx := t.Context()
	schema := func(string) enduser.Schema { return enduser.Schema{ExactIDs: exact} }
	made := enduser.New(st, &enduser.Options{Schema: schema}).Tenant("acme")                           // makes its IDs
	hosted := enduser.New(st, &enduser.Options{Schema: schema, NewID: counter("own-")}).Tenant("acme") // the host does
	spellings := []string{id, strings.ToUpper(id), strings.ToLower(id)}
	if exact {
		spellings = spellings[:1]
	}
	taken := func(when string) {
		t.Helper()
		for i, spelling := range spellings {
			for j, acme := range []enduser.Tenant{made, hosted} {
				what := fmt.Sprintf("%s, %s, manager %d", when, spelling, j)
				wantConflict(t, what, second(acme.Create(ctx, enduser.Spec{ExternalID: spelling})), "external_id", id)
				wantConflict(t, what, third(acme.Upsert(ctx, enduser.Spec{ExternalID: spelling, Name: "Eve"})), "external_id", id)
				other := must(imported(ctx, acme, enduser.Import{ID: fmt.Sprintf("other-%d-%d", i, j)}))(t)
				_, err := acme.Update(ctx, enduser.ByID(other.ID), func(e *enduser.Edit) error { e.ExternalID = spelling; return nil })
				wantConflict(t, what, err, "external_id", id)
				_, err = imported(ctx, acme, enduser.Import{ID: "another", Spec: enduser.Spec{ExternalID: spelling}})
				wantConflict(t, what, err, "external_id", id)
				if u, err := acme.Get(ctx, enduser.ByEitherID(spelling)); err != nil || u.ID != id {
					t.Errorf("%s: ByEitherID: %v, %v", what, u, err)
				}
				wantErr(t, what, second(acme.Get(ctx, enduser.ByExternalID(spelling))), enduser.ErrNotFound)
			}
		}
	}
	must(imported(ctx, made, enduser.Import{ID: id}))(t)
	taken("imported")
	must(imported(ctx, made, enduser.Import{ID: id, Spec: enduser.Spec{ExternalID: "crm-1"}}))(t)
	taken("with an external ID")
	for i, acme := range []enduser.Tenant{hosted, made} { // whoever writes the record
		must(acme.Update(ctx, enduser.ByID(id), func(e *enduser.Edit) error { e.Name = fmt.Sprint("Name ", i); return nil }))(t)
		taken("rewritten")
	}
	if u := must(made.Get(ctx, enduser.ByExternalID("crm-1")))(t); u.ID != id {
		t.Errorf("by its external ID: %v", u)
	}
	// In another environment, and another tenant, it is free, and so it is after a deletion.
	for _, elsewhere := range []enduser.Tenant{made.In(enduser.Testing), enduser.New(st, nil).Tenant("other")} {
		must(elsewhere.Create(ctx, enduser.Spec{ExternalID: id}))(t)
	}
	if err := hosted.Delete(ctx, enduser.ByID(id)); err != nil {
		t.Fatal(err)
	}
	heir := must(made.Create(ctx, enduser.Spec{ExternalID: spellings[len(spellings)-1]}))(t)
	_, err := imported(ctx, made, enduser.Import{ID: id})
	wantConflict(t, "an ID that is an external ID", err, "id", heir.ID)
	_, err = imported(ctx, made, enduser.Import{ID: id, Spec: enduser.Spec{ExternalID: "crm-2"}})
	wantConflict(t, "the same with another external ID", err, "id", heir.ID)
}

// Of an import of an ID and a user that takes it as its external ID at the same time, one wins.
func TestImportsRaceWithExternalIDs(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx, acme := t.Context(), newWorld(st).acme
		for try := range size.Pick(t, 4, 32, 200) {
			for _, id := range []string{fmt.Sprint("Cus-", try), fmt.Sprintf("5f0c4a7be1d2a3b4c5d6%04x", try)} {
				errs := atonce.Collect(8, func(i int) error {
					if i%2 == 0 {
						_, err := imported(ctx, acme, enduser.Import{ID: id, Spec: enduser.Spec{ExternalID: fmt.Sprint("of ", id)}})
						return err
					}
					_, _, err := acme.Upsert(ctx, enduser.Spec{ExternalID: strings.ToUpper(id)})
					return err
				})
				importers, others := 0, 0
				for i, err := range errs {
					switch {
					case err != nil && !errors.Is(err, enduser.ErrConflict):
						t.Fatal(err)
					case err != nil:
					case i%2 == 0:
						importers++
					default:
						others++
					}
				}
				if importers != 4 && others != 4 || importers > 0 && others > 0 {
					t.Errorf("%s: %d imports and %d upserts were done", id, importers, others)
				}
			}
		}
	})
}

// An ID of something else is a conflict, and an invalid one is invalid.
func TestImportedIDsOfOthers(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx, w := t.Context(), newWorld(st)
		g := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
		_, err := imported(ctx, w.acme, enduser.Import{ID: g.ID, Spec: enduser.Spec{ExternalID: "a"}})
		wantConflict(t, "a group's", err, "id", g.ID)
		for id, want := range map[string]string{
			"a b": "id invalid_characters", "ü": "id invalid_characters", strings.Repeat("a", 37): "id too_long",
			"null": "id placeholder", "a/b": "id invalid_characters",
		} {
			_, err := imported(ctx, w.acme, enduser.Import{ID: id})
			wantInvalid(t, id, err, want)
		}
		// A user that has expired gives up its ID, its own external ID and its place.
		must(imported(ctx, w.acme, enduser.Import{ID: "gone", Spec: enduser.Spec{ExternalID: "old"}, ExpiresAt: w.Now().Add(time.Second)}))(t)
		w.Advance(time.Second)
		if r, err := imported(ctx, w.acme, enduser.Import{ID: "gone", Spec: enduser.Spec{Name: "Heir"}}); err != nil || r.Outcome != enduser.Created {
			t.Errorf("%+v, %v", r, err)
		}
		wantErr(t, "the old one", second(w.acme.Get(ctx, enduser.ByExternalID("old"))), enduser.ErrNotFound)
	})
}

// What the user was in the other place is kept, and is checked.
func TestImportKeepsTheOrigin(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx, w := t.Context(), newWorld(st)
		then := w.Now().Add(-1000 * time.Hour)
		in := enduser.Import{ID: "v-1", Spec: enduser.Spec{Name: "Ann"}, CreatedAt: then, CreatedBy: "vendor", ExpiresAt: w.Now().Add(time.Hour)}
		if r := must(imported(ctx, w.acme, in))(t); r.ID != "v-1" || r.Outcome != enduser.Created {
			t.Errorf("%+v", r)
		}
		want := enduser.User{
			ID: "v-1", Tenant: "acme", Environment: enduser.Customer, Name: "Ann", CreatedBy: "vendor", UpdatedBy: "ann",
			CreatedAt: then, UpdatedAt: w.Now(), AddedAt: w.Now(), ExpiresAt: w.Now().Add(time.Hour), Revision: 1,
		}
		diff(t, "imported", must(w.acme.Get(ctx, enduser.ByID("v-1")))(t), want)
		// A user that exists keeps its origin, and becomes permanent as with Upsert.
		again := enduser.Import{ID: "v-1", CreatedAt: then.Add(time.Hour), CreatedBy: "somebody"}
		if r := must(imported(ctx, w.acme, again))(t); r.Outcome != enduser.Updated {
			t.Errorf("%+v", r)
		}
		want.ExpiresAt, want.Revision = time.Time{}, 2
		diff(t, "again", must(w.acme.Get(ctx, enduser.ByID("v-1")))(t), want)

		for what, c := range map[string]struct {
			in   enduser.Import
			want string
		}{
			"in the future":   {enduser.Import{ID: "v-2", CreatedAt: w.Now().Add(time.Millisecond)}, "created_at invalid_value"},
			"before 1970":     {enduser.Import{ID: "v-2", CreatedAt: time.Unix(-1, 0)}, "created_at invalid_value"},
			"an actor":        {enduser.Import{ID: "v-2", CreatedBy: "a\x00"}, "created_by invalid_characters"},
			"a long actor":    {enduser.Import{ID: "v-2", CreatedBy: strings.Repeat("a", 257)}, "created_by too_long"},
			"two deadlines":   {enduser.Import{ID: "v-2", Spec: enduser.Spec{ExpiresIn: 1}, ExpiresAt: w.Now().Add(1)}, "expires_at invalid_value"},
			"nobody is named": {enduser.Import{CreatedBy: "vendor"}, "external_id required"},
		} {
			_, err := imported(ctx, w.acme, c.in)
			wantInvalid(t, what, err, c.want)
		}
		_, err := imported(ctx, w.acme, enduser.Import{ID: "v-2", ExpiresAt: w.Now()})
		wantErr(t, "a past deadline", err, enduser.ErrExpired)
		_, err = imported(ctx, w.acme, enduser.Import{ID: "v-2", Err: errUnreadRow})
		wantErr(t, "a row that could not be read", err, errUnreadRow)
		wantErr(t, "nothing was written", second(w.acme.Get(ctx, enduser.ByID("v-2"))), enduser.ErrNotFound)
	})
}
