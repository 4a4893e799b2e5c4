package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// side is one of two tenants to which the same is done: row by row, and in bulk.
type side struct {
	acme  enduser.Tenant
	names map[string]string // of the users that have been seen, by ID
	bulk  bool
}

// name returns the name of a user on both sides: when it was first seen.
func (s *side) name(id string) string {
	if id == "" {
		return ""
	}
	if s.names[id] == "" {
		s.names[id] = fmt.Sprintf("user %d", len(s.names))
	}
	return s.names[id]
}

// rowAnswer is what can be compared of the answers to a row.
type rowAnswer struct {
	Outcome           enduser.Outcome
	ID, External, Err string
	Field, HolderID   string
	HasVersion        bool
}

func (s *side) answer(r enduser.BulkResult, err error) rowAnswer {
	a := rowAnswer{Outcome: r.Outcome, External: r.ExternalID, HasVersion: !r.Version.IsZero()}
	if err == nil {
		a.ID = s.name(r.ID)
		return a
	}
	a.External = ""
	for _, of := range []error{
		enduser.ErrInvalid, enduser.ErrConflict, enduser.ErrAmbiguous, enduser.ErrExpired, enduser.ErrNotFound, errUnreadRow,
	} {
		if errors.Is(err, of) {
			a.Err += of.Error() + " "
		}
	}
	if a.Err == "" {
		a.Err = "another: " + err.Error()
	}
	if c, ok := errors.AsType[*enduser.ConflictError](err); ok {
		a.Field, a.HolderID = c.Field, s.name(c.HolderID)
	}
	if v, ok := errors.AsType[*enduser.InvalidError](err); ok {
		a.Err += fmt.Sprint(v.Violations)
	}
	return a
}

var errUnreadRow = errors.New("the row cannot be read")

// run writes rows.
func (s *side) run(ctx context.Context, rows []enduser.Import) (answers []rowAnswer) {
	if s.bulk {
		next := 0
		for r, err := range s.acme.ImportAll(ctx, slices.Values(rows), nil) {
			if r.Row != next {
				err = fmt.Errorf("answer %d is about row %d", next, r.Row)
			}
			answers = append(answers, s.answer(r, err))
			next++
		}
		return answers
	}
	for _, row := range rows {
		if row.ID == "" && row.CreatedAt.IsZero() && row.ExpiresAt.IsZero() && row.Err == nil {
			u, outcome, err := s.acme.Upsert(ctx, row.Spec)
			answers = append(answers, s.answer(enduser.BulkResult{Outcome: outcome, ID: u.ID, ExternalID: u.ExternalID, Version: u.Version}, err))
			continue
		}
		for r, err := range s.acme.ImportAll(ctx, slices.Values([]enduser.Import{row}), nil) {
			answers = append(answers, s.answer(r, err))
		}
	}
	return answers
}

// state is all that a side has.
func (s *side) state(ctx context.Context, t *rapid.T) map[string][]string {
	state := make(map[string][]string)
	for u, err := range s.acme.All(ctx, enduser.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		values, err := s.acme.RevealSensitive(ctx, enduser.ByID(u.ID))
		if err != nil && !errors.Is(err, enduser.ErrNotFound) {
			t.Fatal(err)
		}
		id := s.name(u.ID)
		if got, err := s.acme.Get(ctx, enduser.ByEitherID(u.ID)); err != nil || got.ID != u.ID {
			t.Errorf("%s: ByEitherID: %v, %v", id, got, err)
		}
		state[id] = append(state[id], fmt.Sprint(
			u.ExternalID, u.Name, u.Email, u.Accounts, u.Groups, string(u.Metadata.AppendJSON(nil)), u.CreatedBy, u.UpdatedBy,
			u.CreatedAt, u.UpdatedAt, u.AddedAt, u.ExpiresAt, len(values)))
	}
	for c, err := range changesOf(ctx, s.acme) {
		if err != nil {
			t.Fatal(err)
		}
		id := "changes of " + s.name(c.ID)
		state[id] = append(state[id], fmt.Sprint(c.Type, c.Kind, c.Actor, c.Fields))
	}
	return state
}

// changesOf returns all changes of a tenant.
func changesOf(ctx context.Context, acme enduser.Tenant) func(yield func(enduser.Change, error) bool) {
	return func(yield func(enduser.Change, error) bool) {
		for q := (enduser.ChangeQuery{Limit: 1000}); ; {
			page, err := acme.Changes(ctx, q)
			if err != nil {
				yield(enduser.Change{}, err)
				return
			}
			for _, c := range page.Changes {
				if !yield(c, nil) {
					return
				}
			}
			if !page.More {
				return
			}
			q.After = page.Position
		}
	}
}

// bulkRows generates rows whose names meet more or less often.
func bulkRows(t *rapid.T, label string, now time.Time) []enduser.Import {
	space := rapid.SampledFrom([]int{3, 8, 40}).Draw(t, label+" names")
	accounts, emails := rapid.IntRange(0, 2).Draw(t, label+" accounts"), rapid.IntRange(0, 2).Draw(t, label+" without e-mail")
	maybe := func(t *rapid.T, of string, in int, s string) string {
		if rapid.IntRange(0, in).Draw(t, of) > 0 {
			return ""
		}
		return s
	}
	one := rapid.Custom(func(t *rapid.T) enduser.Import {
		n := func(of string) int { return rapid.IntRange(1, space).Draw(t, of) }
		var r enduser.Import
		r.ExternalID = maybe(t, "has external ID", 1, fmt.Sprintf("Crm-%d", n("external ID")))
		if rapid.Bool().Draw(t, "other case") {
			r.ExternalID = strings.ToUpper(r.ExternalID)
		}
		for range rapid.IntRange(0, accounts).Draw(t, "accounts") {
			r.Accounts = append(r.Accounts, enduser.Account{Type: "slack", ID: fmt.Sprint(n("account"))})
		}
		r.Name = maybe(t, "has name", 1, fmt.Sprintf("Name %d", n("name")))
		r.Email = maybe(t, "has e-mail", emails, fmt.Sprintf("a%d@example.com", n("e-mail")))
		if rapid.IntRange(0, 9).Draw(t, "clear") == 0 {
			r.Clear = []string{"email"}
		}
		if rapid.IntRange(0, 9).Draw(t, "metadata") == 0 {
			r.Metadata = enduser.Metadata{"plan": enduser.Int(int64(n("plan")))}
		}
		if rapid.IntRange(0, 9).Draw(t, "sensitive") == 0 {
			r.Sensitive = map[string]enduser.Secret{"pin": enduser.NewSecret(enduser.String("1234"))}
		}
		r.Language = maybe(t, "invalid", 15, "not a language")
		if rapid.IntRange(0, 9).Draw(t, "provisional") == 0 {
			r.ExpiresIn = time.Hour
		}
		if rapid.IntRange(0, 2).Draw(t, "imported") == 0 {
			id := n("ID")
			r.ID = []string{fmt.Sprintf("crm-%d", id), fmt.Sprintf("CRM-%d", id), fmt.Sprintf("%024x", id)}[rapid.IntRange(0, 2).Draw(t, "form")]
			r.CreatedAt, r.CreatedBy = now.Add(-time.Duration(id)*time.Hour), "old system"
		}
		if rapid.IntRange(0, 9).Draw(t, "own form") == 0 {
			r.ExternalID = fmt.Sprintf("%024x", n("own ID"))
		}
		if rapid.IntRange(0, 30).Draw(t, "past") == 0 {
			r.ExpiresIn, r.ExpiresAt = 0, now.Add(-time.Second)
		}
		if rapid.IntRange(0, 30).Draw(t, "unread") == 0 {
			r.Err = errUnreadRow
		}
		return r
	})
	return rapid.SliceOfN(one, 0, 60).Draw(t, label)
}

// A bulk call does what Upsert does for one row after the other, whatever the rows have in
// common, and however the writes of its chunks interleave.
func TestBulkIsUpsertRowByRow(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		var tenants atomic.Int64
		rapid.Check(t, func(t *rapid.T) {
			ctx := context.Background()
			at := clock.At(epoch)
			seed := rapid.Uint64().Draw(t, "seed")
			policy := enduser.Policy{UniqueEmail: rapid.Bool().Draw(t, "unique e-mail")}
			schema := enduser.Schema{ExactIDs: rapid.IntRange(0, 4).Draw(t, "exact") == 0}
			tenant := fmt.Sprint("tenant-", tenants.Add(1))
			open := func(st store.Store, bulk bool) *side {
				users := enduser.New(st, &enduser.Options{
					Now: at.Now, Schema: func(string) enduser.Schema { return schema },
					Keyring: enduser.NewKeyring(testKey("k1")), NewID: counter("n"),
				})
				return &side{acme: users.Tenant(tenant).As("ann").With(policy), names: make(map[string]string), bulk: bulk}
			}
			model, tested := open(memory.New(nil), false), open(shuffled(st, seed), true)
			before, rows := bulkRows(t, "before", at.Now()), bulkRows(t, "rows", at.Now())
			for i := range before { // some of those that are there have expired when the rows come
				if i%3 == 0 {
					before[i].ExpiresIn, before[i].ExpiresAt = time.Second, time.Time{}
				}
			}
			for _, s := range []*side{model, tested} {
				s.bulk = false
				s.run(ctx, before)
			}
			tested.bulk = true
			at.Advance(2 * time.Second)
			for round := range 2 { // the second time most rows change nothing
				if d := cmp.Diff(model.run(ctx, rows), tested.run(ctx, rows)); d != "" {
					t.Fatalf("round %d: answers (-row by row +in bulk):\n%s", round, d)
				}
				if d := cmp.Diff(model.state(ctx, t), tested.state(ctx, t)); d != "" {
					t.Fatalf("round %d: state (-row by row +in bulk):\n%s", round, d)
				}
			}
		})
	})
}

// shuffled is a store whose calls take turns by chance.
func shuffled(st store.Store, seed uint64) store.Store {
	random := rand.New(rand.NewPCG(seed, 1))
	turns := make([]int, 1024)
	for i := range turns {
		turns[i] = random.IntN(20)
	}
	var n atomic.Int64
	wait := func() {
		for range turns[n.Add(1)%int64(len(turns))] {
			runtime.Gosched()
		}
	}
	return &faultstore.Store{
		Store:   st,
		OnGet:   func() error { wait(); return nil },
		OnApply: func(int64, []store.Op) error { wait(); return nil },
	}
}
