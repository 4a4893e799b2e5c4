package enduser_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/internal/testing/size"
)

// Random sequences of calls do on every backend what the model does. With -full
// 10,000 of them on memory, 1,000 on SQLite, 200 on the others.
func TestRandomSequences(t *testing.T) {
	sequences := map[string]int{
		"memory":    size.Pick(t, 200, 400, 10_000),
		"sqlite":    size.Pick(t, 20, 40, 1000),
		"miniredis": size.Pick(t, 10, 20, 200),
		"redis":     size.Pick(t, 15, 30, 200),
	}
	for _, b := range allBackends() {
		t.Run(b.name, func(t *testing.T) {
			st := b.open(t)
			checks := flag.Lookup("rapid.checks").Value
			before := checks.String()
			ok(t, checks.Set(strconv.Itoa(sequences[b.name])))
			defer func() { _ = checks.Set(before) }()
			now, nextID, n := clock.At(epoch), counter("u"), 0
			rapid.Check(t, func(t *rapid.T) {
				n++ // a tenant of its own for each sequence: opening stores is slow
				if b.name == "memory" {
					st = b.open(nil) // but not this one, whose sweep looks at every tenant
				}
				users := enduser.New(st, &enduser.Options{
					Now: now.Now, NewID: nextID, Keyring: enduser.NewKeyring(testKey("k1")),
					Schema: func(string) enduser.Schema { return enduser.Schema{IndexedMetadata: []string{"plan"}} },
				})
				m := newMachine(now, users, users.Tenant(fmt.Sprint("tenant-", n)))
				// What an earlier sequence left behind is no concern of this one.
				now.Advance(time.Hour)
				if _, err := users.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
				t.Repeat(map[string]func(*rapid.T){
					"":          m.check,
					"create":    m.create,
					"ensure":    m.ensure,
					"upsert":    m.upsert,
					"update":    m.update,
					"delete":    m.delete,
					"associate": m.associate,
					"link":      m.link,
					"unlink":    m.unlink,
					"get":       m.get,
					"list":      m.list,
					"invalid":   m.invalid,
					"trim":      m.trim,
					"sweep":     m.sweep,
					"wait":      m.wait,

					"create group": m.createGroup,
					"update group": m.updateGroup,
					"rotate group": m.rotateGroup,
					"delete group": m.deleteGroup,
				})
			})
		})
	}
}

// machine runs the same calls on a tenant and on the models of its environments.
type machine struct {
	*clock.Clock
	ctx    context.Context
	users  *enduser.Manager
	tenant enduser.Tenant
	models map[enduser.Environment]*model
}

func newMachine(c *clock.Clock, users *enduser.Manager, tenant enduser.Tenant) *machine {
	return &machine{
		Clock: c, ctx: context.Background(), users: users, tenant: tenant,
		models: map[enduser.Environment]*model{enduser.Customer: {}, enduser.Testing: {}},
	}
}

// turn draws whose turn it is.
func (m *machine) turn(t *rapid.T) (enduser.Tenant, *model, enduser.Policy, string) {
	env := rapid.SampledFrom([]enduser.Environment{enduser.Customer, enduser.Customer, enduser.Testing}).Draw(t, "environment")
	policy := enduser.Policy{UniqueEmail: rapid.Bool().Draw(t, "unique")}
	actor := rapid.SampledFrom([]string{"ann", "bob", ""}).Draw(t, "actor")
	mod := m.models[env]
	mod.now = m.Now().UTC()
	return m.tenant.In(env).With(policy).As(actor), mod, policy, actor
}

// Few different strings, so that calls meet each other.
func (m *machine) externalID(t *rapid.T) string {
	choice := []string{"a", "A", "b", "é", "É", "e\u0301", ""}
	for _, mod := range m.models {
		for _, u := range mod.users {
			choice = append(choice, u.ID)
		}
	}
	slices.Sort(choice)
	return rapid.SampledFrom(choice).Draw(t, "external ID")
}

func email(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "x@example.com", "X@example.com", " y@example.com"}).Draw(t, "email")
}

func account(t *rapid.T) enduser.Account {
	return rapid.SampledFrom([]enduser.Account{{Type: "irc", ID: "1"}, {Type: "irc", ID: "2"}, {Type: "IRC", ID: "1"}}).Draw(t, "account")
}

func name(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "Ann Lee", "ann", "É Bob", "bob"}).Draw(t, "name")
}

func group(t *rapid.T) string { return rapid.SampledFrom([]string{"g", "h"}).Draw(t, "group") }

func metadata(t *rapid.T) enduser.Metadata {
	return rapid.MapOfN(rapid.SampledFrom([]string{"plan", "seats"}),
		rapid.SampledFrom([]enduser.Value{enduser.Null, enduser.Int(1), enduser.String("1"), enduser.Bool(true)}), 0, 2).Draw(t, "metadata")
}

func (m *machine) spec(t *rapid.T) enduser.Spec {
	s := enduser.Spec{ExternalID: m.externalID(t), Name: name(t), Email: email(t), Metadata: metadata(t)}
	for range rapid.IntRange(0, 2).Draw(t, "accounts") {
		if a := account(t); !slices.Contains(s.Accounts, a) {
			s.Accounts = append(s.Accounts, a)
		}
	}
	if rapid.Bool().Draw(t, "grouped") {
		s.Groups = []string{group(t)}
	}
	s.ExpiresIn = rapid.SampledFrom([]time.Duration{0, 0, 3 * time.Second, 10 * time.Second}).Draw(t, "expires in")
	return s
}

// ref draws a reference and returns whom it names.
func (m *machine) ref(t *rapid.T, mod *model) (enduser.Ref, []*modelUser) {
	p := nobody()
	if len(mod.users) > 0 {
		u := rapid.SampledFrom(mod.users).Draw(t, "user")
		p.id = u.ID
		if u.ExternalID != "" {
			p.externalID = u.ExternalID
		}
		if u.Email != "" {
			p.email = u.Email
		}
	}
	if rapid.IntRange(0, 5).Draw(t, "own spelling") == 0 {
		p.externalID = m.externalID(t) + "x"[:rapid.IntRange(0, 1).Draw(t, "x")]
		if p.externalID == "" {
			p.externalID = "none"
		}
	}
	p.account = account(t)
	by := rapid.SampledFrom([]string{"ID", "ID", "external ID", "e-mail", "account"}).Draw(t, "by")
	return refsOf()[by](p), mod.names(by, p)
}
