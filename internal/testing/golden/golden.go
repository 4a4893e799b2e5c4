// Package golden has a store's content that later versions must be able to read: a script of calls
// that writes it, and what a Manager said about it when it was written.
//
// A backend keeps what [Write] made, in the form of its database, in its testdata, and a test
// opens a copy of it and calls [Check]. Neither is ever written anew once a version that wrote it
// was released: programs in the field have such stores.
package golden

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/store"
)

// begin is when the script begins, and end when a store is read. Whatever expires in between has
// expired; sensitive values are written shortly before the end.
var (
	begin = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	end   = time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)
)

// manager returns a Manager with a clock that stands still, IDs that count and a keyring of its
// own.
func manager(tb testing.TB, st store.Store, at *clock.Clock) *enduser.Manager {
	tb.Helper()
	key, err := enduser.NewKey("golden-1", [32]byte{1, 2, 3})
	must(tb, err)
	var ids atomic.Int64
	return enduser.New(st, &enduser.Options{
		Keyring: enduser.NewKeyring(key),
		Now:     at.Now,
		NewID:   func() string { return fmt.Sprintf("%012x%012x", at.Now().UnixMilli(), ids.Add(1)) },
		Schema: func(tenant string) enduser.Schema {
			return enduser.Schema{
				IndexedMetadata: []string{"plan"},
				ExactIDs:        tenant == exact,
				NoteExternalIDs: tenant == acme,
			}
		},
	})
}

// The tenants, and an actor.
const (
	acme   = "acme"
	hooked = "hooked"     // has webhooks
	exact  = "Exact GmbH" // compares external IDs exactly
	odd    = "e/{ü} 😀"    // looks like another's name in the store
	keep   = "keepsakes"  // what callers were given, and may come back with
	actor  = "admin@acme.example"
)

// Write runs the script on an empty store.
func Write(tb testing.TB, st store.Store) {
	tb.Helper()
	at := clock.At(begin)
	s := &script{tb: tb, ctx: tb.Context(), at: at, users: manager(tb, st, at), kept: enduser.Metadata{}}
	s.webhooks()
	at.Set(end.Add(-time.Hour))
	s.groups()
	s.people()
	s.trimmed()
	s.others()
	s.answers()
	s.keepsakes()
}

// script writes a store. Its clock goes on by a second a call.
type script struct {
	tb    testing.TB
	ctx   context.Context
	at    *clock.Clock
	users *enduser.Manager
	kept  enduser.Metadata
}

// ok ends a call.
func (s *script) ok(err error) {
	s.tb.Helper()
	must(s.tb, err)
	s.at.Advance(time.Second)
}

func (s *script) keep(what, text string) { s.kept[what] = enduser.String(text) }

// webhooks makes one webhook to which an event could not be delivered, one that is parked, and one
// that has secrets of both kinds.
func (s *script) webhooks() {
	hooks := s.users.Tenant(hooked).As(actor).Webhooks()
	dead, _, err := hooks.Create(s.ctx, enduser.WebhookSpec{
		URL: "https://dead.example.com/hook", Events: []string{"end_user.created"},
	})
	s.ok(err)
	_, err = s.users.Tenant(hooked).Create(s.ctx, enduser.Spec{ExternalID: "never-delivered"})
	s.ok(err)
	for tries := 1; tries <= 8; tries++ {
		s.deliver(500, func() bool { return len(s.attempts(hooks, dead.ID)) >= tries })
		s.at.Advance(12 * time.Hour)
	}
	_, err = hooks.Update(s.ctx, dead.ID, func(e *enduser.WebhookEdit) error {
		e.Disabled = true
		return nil
	})
	s.ok(err)

	live, _, err := hooks.Create(s.ctx, enduser.WebhookSpec{
		URL: "https://live.example.com/hook", Description: "Kunden, 顧客", Events: []string{"end_user.*", "group.*"},
		Headers: map[string]enduser.Secret{"X-Api-Key": enduser.NewSecret(enduser.String("header-secret"))},
	})
	s.ok(err)
	_, err = hooks.Ping(s.ctx, live.ID)
	s.ok(err)
	s.deliver(204, func() bool { return len(s.attempts(hooks, live.ID)) > 0 })
	_, err = s.users.Tenant(hooked).Create(s.ctx, enduser.Spec{ExternalID: "parked"})
	s.ok(err)
	s.deliver(503, func() bool { return len(s.attempts(hooks, live.ID)) > 1 })
	_, secret, err := hooks.Rotate(s.ctx, live.ID, 24*time.Hour)
	s.ok(err)
	s.keep("webhook secret", secret)
}

func (s *script) attempts(hooks enduser.Webhooks, id string) []enduser.Attempt {
	s.tb.Helper()
	attempts, err := hooks.Attempts(s.ctx, id)
	must(s.tb, err)
	return attempts
}

// sender answers every attempt with a status.
type sender int

// Send implements enduser.Sender.
func (s sender) Send(context.Context, *enduser.Delivery) enduser.Result {
	return enduser.Result{Status: int(s), Took: 5 * time.Millisecond}
}

// deliver delivers until something is done.
func (s *script) deliver(status int, done func() bool) {
	s.tb.Helper()
	ctx, cancel := context.WithCancel(s.ctx)
	ended := make(chan error)
	go func() {
		ended <- s.users.Deliver(ctx, sender(status), &enduser.DeliverOptions{Poll: 5 * time.Millisecond})
	}()
	for !done() {
		select {
		case err := <-ended:
			s.tb.Fatalf("Deliver: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		s.tb.Fatalf("Deliver: %v", err)
	}
	s.at.Advance(time.Second)
}

func (s *script) groups() {
	groups := s.users.Tenant(acme).As(actor).Groups()
	_, token, err := groups.Create(s.ctx, enduser.GroupSpec{
		ExternalID: "Team-É", Name: "Team", Metadata: enduser.Metadata{"tier": enduser.Int(3)},
		SystemProperties: enduser.Metadata{"shard": enduser.String("eu")},
	})
	s.ok(err)
	s.keep("token", token)
	_, old, err := groups.Create(s.ctx, enduser.GroupSpec{ExternalID: "rotated"})
	s.ok(err)
	s.keep("old token", old)
	_, token, err = groups.Rotate(s.ctx, enduser.GroupByExternalID("rotated"), 24*time.Hour)
	s.ok(err)
	s.keep("new token", token)
	gone, token, err := groups.Create(s.ctx, enduser.GroupSpec{ExternalID: "gone"})
	s.ok(err)
	s.keep("token of a group that was deleted", token)
	s.ok(groups.Delete(s.ctx, enduser.GroupByID(gone.ID)))
}

func (s *script) people() {
	t := s.users.Tenant(acme).As(actor)
	full, err := t.Create(s.ctx, enduser.Spec{
		ExternalID: "CRM-É", FirstName: "Ann", LastName: "O'Neil 李", Email: "Ann@Bücher.example",
		Avatar: "https://example.com/a.png", Language: "pt-BR",
		Metadata: enduser.Metadata{
			"plan": enduser.String("pro"), "seats": enduser.Int(9007199254740993), "list": value(s.tb, `[1,"x",null,{"a":true}]`),
		},
		SystemProperties: enduser.Metadata{"source": enduser.String("import")},
		Accounts:         []enduser.Account{{Type: "https://idp.example", ID: "ann"}, {Type: "slack", ID: "U1"}},
		Groups:           []string{"Team-É", "rotated"},
		Sensitive: map[string]enduser.Secret{
			"ssn": enduser.NewSecret(enduser.String("123-45")), "card": enduser.NewSecret(enduser.Int(9007199254740993)),
		},
	})
	s.ok(err)
	s.keep("version", full.Version.String())
	_, err = t.Update(s.ctx, enduser.ByID(full.ID), func(e *enduser.Edit) error {
		e.Name = "Ann, as shown"
		e.Metadata["plan"] = enduser.String("team")
		return nil
	}, enduser.IfVersion(full.Version))
	s.ok(err)
	_, err = t.With(enduser.Policy{UniqueEmail: true}).Create(s.ctx, enduser.Spec{Email: "only@one.example"})
	s.ok(err)
	_, err = t.Create(s.ctx, enduser.Spec{ExternalID: "deleted", Email: "gone@example.com"})
	s.ok(err)
	s.ok(t.Delete(s.ctx, enduser.ByExternalID("deleted")))
	_, err = t.Create(s.ctx, enduser.Spec{ExternalID: "provisional", ExpiresIn: 48 * time.Hour})
	s.ok(err)
	_, err = t.Create(s.ctx, enduser.Spec{ExternalID: "expired", ExpiresIn: time.Minute})
	s.ok(err)
	_, err = t.Create(s.ctx, enduser.Spec{ExternalID: "associated", ExpiresIn: time.Minute})
	s.ok(err)
	_, err = t.Associate(s.ctx, enduser.ByExternalID("associated"))
	s.ok(err)
	for i := range 5 {
		_, _, err = t.Upsert(s.ctx, enduser.Spec{ExternalID: fmt.Sprint("listed-", i), Name: "Listed Person"})
		s.ok(err)
	}
	page, err := t.List(s.ctx, enduser.Query{Limit: 3})
	s.ok(err)
	s.keep("cursor", page.Next.String())
}

// trimmed makes a feed whose beginning is forgotten, in the Testing environment.
func (s *script) trimmed() {
	t := s.users.Tenant(acme).In(enduser.Testing)
	origin, err := t.Latest(s.ctx)
	s.ok(err)
	s.keep("trimmed position", origin.String())
	for i := range 3 {
		_, err := t.Create(s.ctx, enduser.Spec{ExternalID: fmt.Sprint("t", i)})
		s.ok(err)
	}
	through, err := t.Latest(s.ctx)
	s.ok(err)
	s.keep("position", through.String())
	s.ok(t.TrimChanges(s.ctx, through))
	s.ok(t.Delete(s.ctx, enduser.ByExternalID("t0")))
}

func (s *script) others() {
	t := s.users.Tenant(exact)
	for _, id := range []string{"001A", "001a"} {
		_, err := t.Create(s.ctx, enduser.Spec{ExternalID: id})
		s.ok(err)
	}
	_, err := s.users.Tenant(odd).Create(s.ctx, enduser.Spec{Name: "Nobody's"})
	s.ok(err)
}

// answers makes calls that are remembered.
func (s *script) answers() {
	t := s.users.Tenant(acme).As(actor)
	_, err := t.Create(enduser.Idempotent(s.ctx, "create"), remembered())
	s.ok(err)
	_, token, err := t.Groups().Create(enduser.Idempotent(s.ctx, "group"), rememberedGroup())
	s.ok(err)
	s.keep("remembered token", token)
}

func remembered() enduser.Spec { return enduser.Spec{ExternalID: "remembered", Name: "Once"} }

func rememberedGroup() enduser.GroupSpec { return enduser.GroupSpec{ExternalID: "remembered"} }

// keepsakes puts what was given to callers into the store itself, where the reader finds it.
func (s *script) keepsakes() {
	_, err := s.users.Tenant(keep).Create(s.ctx, enduser.Spec{ExternalID: keep, Metadata: s.kept})
	s.ok(err)
}

func value(tb testing.TB, json string) enduser.Value {
	tb.Helper()
	v, err := enduser.JSON(json)
	must(tb, err)
	return v
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
