package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

func importRefuseChecks() []check {
	return []check{
		{"import/stale", 1, "a record that is there otherwise refuses the part: ErrStale with its index", importStale},
		{"import/taken", 2, "a unique key that another record holds refuses the part: ErrTaken with the holder", importTaken},
		{"import/entries", 5, "an entry that is not later than all, and not there, refuses the part: ErrStale of the tenant", importEntries},
		{"import/first", 1, "records are checked first, then entries, then keys, each in their order", importFirst},
		{"import/damaged", 14, "a damaged record refuses a part that has it, or that claims a key which it may hold", importDamaged},
		{"import/limits", 9, "a part outside the limits or not well formed is refused with ErrInvalid; one at the limits is written", importLimits},
		{"import/names", 9, "any valid string is an ID, a kind, a key and a tenant of its own in Import", importNames},
		{"import/copies", 8, "Import keeps copies, and changes no argument", importCopies},
		{"import/context", 11, "Import honors a context that has ended", importContext},
		{"import/outcome", 10, "a part whose Import was given up is written whole or not at all, and can be imported again", importOutcome},
		{"import/race", 1, "of parts that are imported at the same time each is written once, beside other writes", importRace},
	}
}

// importFails imports a part that must be refused with the error want, and nothing of it be
// written.
func (c *client) importFails(want error, p store.Part) error {
	if c.failed() {
		return nil
	}
	err := c.tryImport(p)
	c.wantError("Import", err, want)
	return err
}

// importStale imports a part that must be stale because of a record or, with -1, an entry.
func (c *client) importStale(op int, p store.Part) {
	err := c.importFails(store.ErrStale, p)
	c.same(diffStale(err, &store.StaleError{Op: op, Require: -1}), "Import")
}

// importTaken imports a part that must be refused because a record claims a key of holder.
func (c *client) importTaken(op int, key store.Key, holder store.Record, p store.Part) {
	err := c.importFails(store.ErrTaken, p)
	c.same(diffTaken(err, &store.TakenError{Op: op, Require: -1, Key: key, Holder: holder}), "Import")
}

func importStale(s *subject) {
	s.importing(func(c *client) {
		o := origin()
		c.imports(o)
		for i, edit := range []func(r *store.Record){
			func(r *store.Record) { r.Revision = 30 },
			func(r *store.Record) { r.Revision = 6 },
			func(r *store.Record) { r.Created = 1 },
			func(r *store.Record) { r.Created, r.Revision = 40, 40 },
			func(r *store.Record) { r.Kind = "group" },
			func(r *store.Record) { r.Data = []byte("other") },
			func(r *store.Record) { r.Data = nil },
			func(r *store.Record) { r.Due = day(9) },
			func(r *store.Record) { r.Due = time.Time{} },
			func(r *store.Record) { r.Unique = r.Unique[:1] },
			func(r *store.Record) { r.Unique = []store.Key{r.Unique[1], r.Unique[0]} },
			func(r *store.Record) { r.Unique = append(slices.Clone(r.Unique), key("more")) },
			func(r *store.Record) { r.Index = r.Index[1:] },
			func(r *store.Record) { r.Index = append(slices.Clone(r.Index), key("more")) },
		} {
			other := o.Records[0]
			edit(&other)
			fresh := written(full("fresh"), 50, 50)
			c := c.handle(i)
			c.importStale(0, store.Part{Records: []store.Record{other}})
			c.importStale(2, store.Part{
				Records: []store.Record{fresh, o.Records[1], other, o.Records[2]},
				Changes: append(slices.Clone(o.Changes), entry(60, store.Created, "user", "fresh", "")), Trimmed: 4,
			})
			c.absent(store.ID("fresh"), fresh.Unique[0], key("more"))
		}
		c.isOrigin()
		c.next(13)
	})
}

func importTaken(s *subject) {
	s.importing(func(c *client) {
		o := origin()
		c.imports(o)
		for i, key := range o.Records[0].Unique {
			claim := written(withKeys(plain("claim"), "free"), 50, 50)
			claim.Unique = append(claim.Unique, key)
			c := c.handle(i)
			c.importTaken(0, key, o.Records[0], store.Part{Records: []store.Record{claim}})
			c.importTaken(2, key, o.Records[0], store.Part{
				Records: []store.Record{o.Records[2], written(full("fresh"), 49, 49), claim},
				Changes: []store.Change{entry(60, store.Created, "user", "fresh", "")}, Trimmed: 20,
			})
			c.absent(store.ID("claim"), store.ID("fresh"), claim.Unique[0])
		}
		c.isOrigin()
		c.next(13)
	})
}

func importEntries(s *subject) {
	s.importing(func(c *client) {
		o := origin()
		c.imports(o)
		refuse := func(entries ...store.Change) {
			c.importStale(-1, store.Part{Records: []store.Record{written(full("fresh"), 50, 50)}, Changes: entries})
		}
		for _, seq := range []store.Revision{1, 2, 3, 6, 11} { // forgotten, or in a gap
			refuse(entry(seq, store.Created, "user", "x", ""))
			refuse(entry(seq, store.Created, "user", "x", ""), entry(60, store.Created, "user", "x", ""))
		}
		for _, edit := range []func(e *store.Change){
			func(e *store.Change) { e.Type = store.Deleted },
			func(e *store.Change) { e.Kind = "group" },
			func(e *store.Change) { e.ID = "a" },
			func(e *store.Change) { e.Note = nil },
			func(e *store.Change) { e.Note = []byte("other") },
		} {
			other := o.Changes[0]
			edit(&other)
			refuse(other)
			refuse(other, o.Changes[1], o.Changes[2], entry(60, store.Created, "user", "x", ""))
		}
		c.absent(store.ID("fresh"))
		c.isOrigin()
		// What Trim has forgotten does not come back.
		c.trim(9)
		refuse(o.Changes[0])
		c.trimmed(4, 5)
		c.feed(5, o.Changes[1:]...)
		c.next(13)
	})
}

func importFirst(s *subject) {
	s.importing(func(c *client) {
		o := origin()
		c.imports(o)
		stale := withData(o.Records[1], "other")
		claim := written(plain("claim"), 50, 50)
		claim.Unique = o.Records[0].Unique
		late := entry(11, store.Created, "user", "x", "")
		c.importStale(1, store.Part{Records: []store.Record{claim, stale, withData(o.Records[2], "other")}, Changes: []store.Change{late}})
		c.importStale(-1, store.Part{Records: []store.Record{claim}, Changes: []store.Change{late}})
		second := written(plain("second"), 51, 51)
		second.Unique = o.Records[1].Unique
		c.importTaken(0, claim.Unique[0], o.Records[0], store.Part{Records: []store.Record{claim, second}})
		c.importTaken(0, second.Unique[0], o.Records[1], store.Part{Records: []store.Record{second, claim}})
		c.isOrigin()
	})
}

func importDamaged(s *subject) {
	s.damages(func(c *client) {
		if _, ok := c.importer(); !ok {
			return
		}
		o := origin()
		c.imports(o)
		bad := o.Records[1]
		c.damage(bad)
		claim := written(plain("claim"), 50, 50)
		for i, key := range bad.Unique {
			claim.Unique = []store.Key{{Kind: "name", Value: "free"}, key}
			c.damagedBy("Import", c.handle(i).tryImport(store.Part{Records: []store.Record{claim}, Changes: []store.Change{entry(60, store.Created, "user", "claim", "")}}), bad.ID)
		}
		c.damagedBy("Import", c.tryImport(store.Part{Records: []store.Record{written(full("fresh"), 51, 51), bad}}), bad.ID)
		c.absent(store.ID("claim"), store.ID("fresh"))
		c.damagedGets(bad)
		c.has(o.Records[0], o.Records[2])
		c.feed(2, o.Changes...)
		// Once it is removed it can be imported again.
		c.apply(store.Remove(bad.ID, bad.Kind, nil))
		c.imports(o)
		c.isOrigin()
		c.next(14)
	})
}

func importCopies(s *subject) {
	s.importing(func(c *client) {
		p, before := origin(), origin()
		c.imports(p)
		s.same(diffRecords(p.Records, before.Records), "Import changed its argument")
		s.same(diffChanges(p.Changes, before.Changes), "Import changed its argument")
		for i := range p.Records {
			spoil(p.Records[i])
			spoilBytes(p.Changes[i].Note)
		}
		clear(p.Records)
		clear(p.Changes)
		c.isOrigin()
		// The holder of a taken key is a copy, too.
		claim := written(plain("claim"), 50, 50)
		claim.Unique = before.Records[0].Unique[:1]
		var taken *store.TakenError
		if errors.As(c.importFails(store.ErrTaken, store.Part{Records: []store.Record{claim}}), &taken) {
			spoil(taken.Holder)
		}
		c.isOrigin()
	})
}

func importContext(s *subject) {
	s.importing(func(c *client) {
		w, _ := c.importer()
		ctx, cancel := context.WithCancel(s.ctx)
		cancel()
		if err := w.Import(ctx, "t", origin()); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnknown) {
			s.fail("Import with an ended context: error %v, want %v", err, context.Canceled)
		}
		c.exactly()
		c.feed(0)
		if names := c.tenants(5); len(names) != 0 {
			s.fail("Tenants: %q, want none", names)
		}
		c.next(1)
	})
}

func importOutcome(s *subject) {
	s.importing(func(c *client) {
		w, _ := c.importer()
		rng := rand.New(rand.NewPCG(10, 14))
		pause := usual(s.tenant("pause"))
		var all store.Part
		for i := range 30 {
			if s.failed() {
				return
			}
			id, rev := fmt.Sprint("r", i), store.Revision(2*i+2)
			part := store.Part{Records: []store.Record{written(full(id), rev-1, rev-1)}, Changes: []store.Change{entry(rev, store.Created, "user", id, id)}}
			all.Records, all.Changes = append(all.Records, part.Records...), append(all.Changes, part.Changes...)
			err := giveUp(s, pause, rng, func(ctx context.Context) error { return w.Import(ctx, "t", part) })
			checkGivenUp(s, err)
			c.handle(i).imports(part)
			c.other().has(all.Records[i])
			c.feed(rev-2, part.Changes...)
		}
		c.exactly(all.Records...)
		c.feed(0, all.Changes...)
		c.next(61)
	})
}

// importRace has callers import the same parts, and others write beside them.
func importRace(s *subject) {
	s.importing(func(c *client) {
		const parts, size = 6, 10
		first := written(plain("first"), 1000, 1000) // so that the others' own revisions are later
		entries := []store.Change{entry(1000, store.Created, "user", "first", "first")}
		c.imports(store.Part{Records: []store.Record{first}, Changes: entries})
		var all []store.Record
		for i := range store.Revision(parts * size) {
			all = append(all, written(full(fmt.Sprint("r", i)), i+1, i+1))
		}
		var mu sync.Mutex
		var own []store.Record
		s.together(racers, func(i int) {
			c := c.handle(i)
			if i%2 == 0 {
				for j := range 5 {
					r := c.create1(full(fmt.Sprintf("own %d %d", i, j)))
					mu.Lock()
					own = append(own, r)
					mu.Unlock()
				}
				return
			}
			for part := range slices.Chunk(all, size) {
				c.imports(store.Part{Records: part, Changes: entries})
			}
		})
		c.exactly(append(append(own, first), all...)...)
		c.feed(0, entries...)
		c.next(1000 + store.Revision(len(own)) + 1)
	})
}
