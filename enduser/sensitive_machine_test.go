package enduser_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// sensitiveMachine does random calls on a few users and remembers what their values
// are to be.
type sensitiveMachine struct {
	*world
	st    store.Store
	users map[string]map[string]until // by external ID, then by key
	ends  map[string]time.Time        // deadlines of the provisional ones
}

type until struct {
	value enduser.Value
	time.Time
}

// Random sequences of calls on users with values do what a map does.
func TestRandomSensitive(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		st := memory.New(nil)
		m := &sensitiveMachine{newWorld(st), st, make(map[string]map[string]until), make(map[string]time.Time)}
		t.Repeat(map[string]func(*rapid.T){
			"": m.check, "ensure": m.ensure, "upsert": m.upsert, "update": m.update, "delete": m.delete,
			"sweep": func(t *rapid.T) {
				ok(t, second(m.world.users.Sweep(context.Background())))
			},
			"wait": func(t *rapid.T) {
				m.Advance(rapid.SampledFrom([]time.Duration{time.Millisecond, time.Hour, 12 * time.Hour, 24*time.Hour - time.Millisecond}).Draw(t, "wait"))
			},
		})
	})
}

func (m *sensitiveMachine) id(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "user")
}

func (m *sensitiveMachine) alive(id string) bool {
	_, ok := m.users[id]
	end, ends := m.ends[id]
	return ok && (!ends || m.Now().Before(end))
}

// write is what a write of secrets does to the values of a user.
func (m *sensitiveMachine) write(id string, cleared bool, given secrets, drawn map[string]enduser.Value) {
	if cleared {
		m.users[id] = make(map[string]until)
	}
	for key, s := range given {
		if delete(m.users[id], key); !s.IsNull() {
			m.users[id][key] = until{drawn[key], m.Now().Add(enduser.SensitiveTTL)}
		}
	}
}

// drawn returns the values of secrets, which do not show them.
func (m *sensitiveMachine) drawn(t *rapid.T) (secrets, map[string]enduser.Value) {
	plain := make(map[string]enduser.Value)
	given := make(secrets)
	for range rapid.IntRange(0, 3).Draw(t, "count") {
		key := rapid.SampledFrom([]string{"k", "l", "m"}).Draw(t, "key")
		plain[key] = rapid.SampledFrom([]enduser.Value{enduser.Null, enduser.Int(1), enduser.String("v")}).Draw(t, "value")
		given[key] = enduser.NewSecret(plain[key])
	}
	return given, plain
}

func (m *sensitiveMachine) spec(t *rapid.T, id string) (enduser.Spec, map[string]enduser.Value) {
	s := enduser.Spec{ExternalID: id, ExpiresIn: rapid.SampledFrom([]time.Duration{0, time.Hour, 48 * time.Hour}).Draw(t, "expires in")}
	given, plain := m.drawn(t)
	s.Sensitive = given
	return s, plain
}

func (m *sensitiveMachine) made(s enduser.Spec, plain map[string]enduser.Value) {
	m.users[s.ExternalID] = make(map[string]until)
	delete(m.ends, s.ExternalID)
	if s.ExpiresIn > 0 {
		m.ends[s.ExternalID] = m.Now().Add(s.ExpiresIn)
	}
	m.write(s.ExternalID, false, s.Sensitive, plain)
}

func (m *sensitiveMachine) ensure(t *rapid.T) {
	s, plain := m.spec(t, m.id(t))
	ok(t, third(m.acme.Ensure(context.Background(), s)))
	if !m.alive(s.ExternalID) {
		m.made(s, plain)
	}
	m.keep(s)
}

// keep makes a user permanent that a spec without deadline ensures.
func (m *sensitiveMachine) keep(s enduser.Spec) {
	if s.ExpiresIn == 0 {
		delete(m.ends, s.ExternalID)
	}
}

func (m *sensitiveMachine) upsert(t *rapid.T) {
	s, plain := m.spec(t, m.id(t))
	ok(t, third(m.acme.Upsert(context.Background(), s)))
	if !m.alive(s.ExternalID) {
		m.made(s, plain)
	} else {
		m.write(s.ExternalID, false, s.Sensitive, plain)
	}
	m.keep(s)
}

func (m *sensitiveMachine) update(t *rapid.T) {
	id := m.id(t)
	given, plain := m.drawn(t)
	cleared := rapid.IntRange(0, 3).Draw(t, "clear") == 0
	_, err := m.acme.Update(context.Background(), enduser.ByExternalID(id), func(u *enduser.Edit) error {
		if cleared {
			u.ClearSensitive()
		}
		for key, s := range given {
			u.SetSensitive(key, s)
		}
		return nil
	})
	if (err == nil) != m.alive(id) {
		t.Fatal(err)
	}
	if err == nil {
		m.write(id, cleared, given, plain)
	}
}

func (m *sensitiveMachine) delete(t *rapid.T) {
	id := m.id(t)
	err := m.acme.Delete(context.Background(), enduser.ByExternalID(id))
	if (err == nil) != m.alive(id) {
		t.Fatal(err)
	}
	if err == nil {
		delete(m.users, id)
	}
}

func (m *sensitiveMachine) check(t *rapid.T) {
	ctx := context.Background()
	for _, id := range []string{"a", "b", "c"} {
		got, err := m.acme.RevealSensitive(ctx, enduser.ByExternalID(id))
		if !m.alive(id) {
			if !errors.Is(err, enduser.ErrNotFound) {
				t.Fatalf("%s is gone: %v", id, err)
			}
			continue
		}
		want := 0
		for key, v := range m.users[id] {
			if !m.Now().Before(v.Time) {
				continue
			}
			want++
			if got[key] != v.value {
				t.Fatalf("%s: %s is %q, want %q", id, key, got[key].Text(), v.value.Text())
			}
		}
		if err != nil || len(got) != want {
			t.Fatalf("%s: %d values, %v, want %d", id, len(got), err, want)
		}
	}
	all, err := m.st.List(ctx, "acme", store.Query{Kind: "user", Limit: store.MaxLimit})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	kept, err := m.st.List(ctx, "acme", store.Query{Kind: "sensitive", Limit: store.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range kept.Records {
		if !slices.ContainsFunc(all.Records, func(u store.Record) bool { return "sensitive/"+u.ID == v.ID }) {
			t.Fatalf("%s has no user", v.ID)
		}
	}
}
