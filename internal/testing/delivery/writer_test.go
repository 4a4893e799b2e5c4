package delivery

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// scales counts the calls of a store, and the bytes that are written. With stands set it answers
// the same each time, and writes nothing, so that allocations are those of the caller.
type scales struct {
	store.Store
	stands bool
	record *store.Record
	calls  map[string]int
	bytes  int
}

func (s *scales) Unwrap() store.Store { return s.Store }

func (s *scales) count(call string) {
	if !s.stands {
		s.calls[call]++
	}
}

func (s *scales) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	s.count("Get")
	if s.stands && s.record != nil {
		return *s.record, nil
	}
	r, err := s.Store.Get(ctx, tenant, key)
	if s.stands && err == nil {
		s.record = &r
	}
	return r, err
}

func (s *scales) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	if s.stands {
		return 1 << 30, nil
	}
	s.count("Apply")
	for _, op := range b.Ops {
		s.calls["op"]++
		s.bytes += length(op.Note)
		if op.New != nil {
			s.bytes += len(fmt.Sprint(op.New.ID, op.New.Unique, op.New.Index)) + length(op.New.Data)
		}
	}
	return s.Store.Apply(ctx, tenant, b)
}

// stamps are random numbers that tell writes apart.
var stamps = regexp.MustCompile(`"stamp":[0-9]+`)

// length is the length of a text whose stamps have no digits.
func length(b []byte) int { return len(stamps.ReplaceAll(b, []byte(`"stamp":`))) }

func (s *scales) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	s.count("List")
	return s.Store.List(ctx, tenant, q)
}

func (s *scales) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	s.count("Changes")
	return s.Store.Changes(ctx, tenant, q)
}

func (s *scales) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	s.count("Due")
	return s.Store.Due(ctx, q)
}

// weigh returns what a create, an update and a deletion cost in a tenant with webhooks.
func weigh(t *testing.T, hooks int, extra func(context.Context, *scales)) string {
	t.Helper()
	ctx := t.Context()
	w := newWorld(t, inMemory())
	for i := range hooks {
		w.hook(t, path(i))
	}
	s := &scales{Store: w.place.store, calls: make(map[string]int)}
	opts := options(func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC) }) // of the same length in records
	opts.NewID = counter()
	acme := enduser.New(s, opts).Tenant("acme")
	rename := func(name string) func(*enduser.Edit) error {
		return func(e *enduser.Edit) error {
			e.Name = name
			return nil
		}
	}
	u, err := acme.Create(ctx, enduser.Spec{ExternalID: "crm-1"})
	if err == nil {
		_, err = acme.Update(ctx, enduser.ByID(u.ID), rename("Ann"))
	}
	other, err2 := acme.Create(ctx, enduser.Spec{ExternalID: "crm-2"})
	if err2 == nil {
		err2 = acme.Delete(ctx, enduser.ByID(other.ID))
	}
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	extra(ctx, s)
	s.stands = true
	fn := rename("Bob")
	allocs := testing.AllocsPerRun(200, func() {
		_, err = acme.Update(ctx, enduser.ByID(u.ID), fn)
		extra(ctx, s)
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(s.calls, " ", s.bytes, " bytes, ", allocs, " allocations")
}

// counter makes IDs of the same length.
func counter() func() string {
	n := 100
	return func() string {
		n++
		return fmt.Sprint("u", n)
	}
}

// TestWriters: a write costs the same with ten webhooks as without.
func TestWriters(t *testing.T) {
	nothing := func(context.Context, *scales) {}
	without, with := weigh(t, 0, nothing), weigh(t, 10, nothing)
	t.Log(with)
	if without != with {
		t.Errorf("with ten webhooks %s, without %s", with, without)
	}
	// A writer that looks for webhooks is noticed, by its calls and by its allocations.
	looks := func(ctx context.Context, s *scales) {
		page, err := s.List(ctx, "acme", store.Query{Kind: "webhook", Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		_ = fmt.Sprint(page.Records)
	}
	if weigh(t, 0, looks) == without || weigh(t, 0, looks) == weigh(t, 10, looks) {
		t.Error("a writer that looks for webhooks is not noticed")
	}
}
