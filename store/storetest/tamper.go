package storetest

import (
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

func tamperChecks() []check {
	return []check{
		{"tamper/replace", 1, "an Old that is not the stored record is refused with ErrInvalid, or the stored one is used instead", tamperReplace},
		{"tamper/delete", 1, "an Old that is not the stored record is refused with ErrInvalid, or the stored one is used instead", tamperDelete},
		{"tamper/new", 3, "Created and Revision of Op.New are ignored", tamperNew},
	}
}

// lies are changes to an Old that keep its ID and revision.
func lies() []func(*store.Record) {
	return []func(*store.Record){
		func(r *store.Record) { r.Unique = nil },
		func(r *store.Record) { r.Unique = r.Unique[:1] },
		func(r *store.Record) { r.Unique = full("bystander").Unique }, // must not be freed
		func(r *store.Record) { r.Unique = keys("never", "held") },
		func(r *store.Record) { r.Unique = keys("\xff") },
		func(r *store.Record) { r.Index = nil },
		func(r *store.Record) { r.Index = full("bystander").Index },
		func(r *store.Record) { r.Index = keys("never", "had") },
		func(r *store.Record) { r.Due = day(400) },
		func(r *store.Record) { r.Due = time.Time{} },
		func(r *store.Record) { r.Created = 1 }, // the bystander's
		func(r *store.Record) { r.Created = 0 },
		func(r *store.Record) { r.Created += 100 },
		func(r *store.Record) { r.Data = nil },
		func(r *store.Record) { *r = store.Record{ID: r.ID, Kind: r.Kind, Revision: r.Revision} },
	}
}

func tamperReplace(s *subject) {
	for i, lie := range append(lies(), func(r *store.Record) { r.Kind = "group" }) {
		c := s.tenant(string(rune('a' + i)))
		bystander := c.create1(full("bystander"))
		victim := c.create1(full("victim"))
		old := victim
		lie(&old)
		next := plain("victim")
		next.Kind = old.Kind
		next.Unique = []store.Key{victim.Unique[1], {Kind: "name", Value: "next"}}
		next.Index = []store.Key{{Kind: "own", Value: "next"}}
		next.Due = day(3)
		rev, err := c.try(store.Replace(old, next, nil))
		switch {
		case err == nil && next.Kind == victim.Kind:
			next.Created, next.Revision = victim.Created, rev
			c.exactly(bystander, next)
			c.absent(victim.Unique[0])
			c.lists(store.Query{Kind: "user", Match: victim.Index[1:2]})
		case err == nil:
			s.fail("Apply changed the Kind of a record")
		case errors.Is(err, store.ErrInvalid):
			c.exactly(bystander, victim)
			c.absent(next.Unique[1])
			c.lists(store.Query{Kind: "user", Match: next.Index})
		default:
			s.fail("Apply with false Old number %d: %w", i, err)
		}
		c.lists(store.Query{Kind: "group"})
		c.lists(store.Query{Kind: "user", Match: keys("never")})
		c.absent(key("never"))
	}
}

func tamperDelete(s *subject) {
	for i, lie := range append(lies(), func(r *store.Record) { r.Kind = "group" }) {
		c := s.tenant(string(rune('a' + i)))
		bystander := c.create1(full("bystander"))
		victim := c.create1(full("victim"))
		old := victim
		lie(&old)
		note := []byte("deleted")
		rev, err := c.try(store.Delete(old, note))
		switch {
		case err == nil:
			c.exactly(bystander)
			c.absent(append(victim.Unique, store.ID("victim"))...)
			c.lists(store.Query{Kind: "user", Match: victim.Index[1:2]})
			c.feed(0, store.Change{Revision: rev, Type: store.Deleted, Kind: "user", ID: "victim", Note: note})
			again := c.create1(full("victim"))
			c.exactly(bystander, again)
		case errors.Is(err, store.ErrInvalid):
			c.exactly(bystander, victim)
			c.feed(0)
		default:
			s.fail("Apply with false Old number %d: %w", i, err)
		}
		c.lists(store.Query{Kind: "group"})
	}
}

func tamperNew(s *subject) {
	c := s.tenant("t")
	r := full("a")
	r.Created, r.Revision = 77, 99
	made := c.create1(r)
	c.exactly(made)
	r.Created, r.Revision = -5, 0
	next := c.replace(made, r)
	c.exactly(next)
	r = full("b")
	r.Created, r.Revision = made.Created, next.Revision
	c.exactly(next, c.create1(r))
}
