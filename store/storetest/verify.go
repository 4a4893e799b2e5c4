package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

func verifyChecks() []check {
	all := []check{
		{"verify/clean", 14, "Verify finds nothing in what was only written, trimmed, imported and dropped", verifyClean},
		{"verify/beside", 13, "Verify finds nothing while others write, and with Mend harms nothing", verifyBeside},
		{"verify/many", 14, "Verify finds all damage, however much it has to read", verifyMany},
		{"verify/left-behind", 14, "what Remove of a damaged record has left behind is nothing, or stray and mended", verifyLeftBehind},
		{"verify/ends", 11, "Verify ends when its caller breaks off, honors a context, and refuses an invalid tenant", verifyEnds},
	}
	for damage := store.DamagedRecord; damage <= store.LowRevision; damage++ {
		all = append(all, check{
			"verify/" + strings.ReplaceAll(damage.String(), " ", "-"), 14,
			"Verify finds the damage and no other, and puts it right with Mend if it follows from the records",
			func(s *subject) { verifyFinds(s, damage) },
		})
	}
	return all
}

// verifying runs a check of Verify, if the store has it.
func (s *subject) verifying(f func(c *client)) {
	c := s.tenant("t")
	if _, ok := store.As[store.Verifier](c.store); ok {
		f(c)
	}
}

// verify returns all findings.
func (c *client) verify(opts store.VerifyOptions) []store.Finding {
	w, ok := store.As[store.Verifier](c.store)
	if !ok || c.failed() {
		return nil
	}
	var found []store.Finding
	for f, err := range w.Verify(c.ctx, opts) {
		if err != nil {
			c.fail("Verify: %w", err)
			return nil
		}
		found = append(found, f)
	}
	return found
}

// finds checks the findings, in any order.
func (c *client) finds(opts store.VerifyOptions, want ...store.Finding) {
	if c.failed() {
		return
	}
	got := c.verify(opts)
	for i := range got {
		switch damage := got[i].Damage; {
		case damage == store.LowRevision: // it is about the tenant, and may name what shows it
			got[i].ID, got[i].Seq = "", 0
		case damage == store.WrongDue && len(want) == 1: // it may be about the kind
			got[i].ID = cmp.Or(got[i].ID, want[0].ID)
		}
	}
	byTenant := func(a, b store.Finding) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Damage, b.Damage))
	}
	slices.SortFunc(got, byTenant)
	slices.SortFunc(want, byTenant)
	if !c.failed() && !slices.Equal(got, want) {
		c.fail("Verify %+v: %+v, want %+v", opts, got, want)
	}
}

// findsNothing checks that nothing is damaged anywhere.
func (c *client) findsNothing() { c.finds(store.VerifyOptions{}) }

// corrupt does damage to a record.
func (c *client) corrupt(damage store.Damage, id string) {
	if c.failed() {
		return
	}
	w, ok := store.As[Corrupter](c.store)
	if !ok {
		c.fail("the store has a Verifier, and its handle no Corrupter to check it with")
		return
	}
	if err := w.Corrupt(c.ctx, c.name, damage, id); err != nil {
		c.fail("Corrupt %v: %w", damage, err)
	}
}

// sound is a tenant with a past, which nothing has damaged. Its last record, z, can be given to
// Corrupter.
type sound struct {
	*client
	records []store.Record
	feed    []store.Change
}

func newSound(c *client) *sound {
	group := withTerms(withKeys(withDue(plain("g"), day(7)), "of g"), "of g")
	group.Kind = "group"
	t := &sound{client: c, records: c.create(withDue(full("a"), day(5)), full("b"), group, plain("c"))}
	t.records[0] = c.replace(t.records[0], withDue(withData(full("a"), "second"), day(6)))
	c.delete(t.records[1])
	t.records = slices.Delete(t.records, 1, 2)
	entries := noted(c, 3)
	for _, e := range entries[:2] {
		c.delete(c.get(store.ID(e.ID)))
	}
	t.records = append(t.records, c.get(store.ID(entries[2].ID)))
	c.trim(entries[1].Revision)
	rev := c.apply(store.Create(withDue(full("z"), day(0)), []byte("note of z")))
	t.records = append(t.records, written(withDue(full("z"), day(0)), rev, rev))
	t.feed = append(entries[1:], entry(rev, store.Created, "user", "z", "note of z"))
	return t
}

// last returns the record that can be damaged.
func (t *sound) last() store.Record { return t.records[len(t.records)-1] }

// isWhole checks that the tenant has all that it had.
func (t *sound) isWhole() {
	stray := store.Key{Kind: "stray", Value: "stray"}
	for _, c := range []*client{t.client, t.other()} {
		c.exactly(t.records...)
		c.feed(t.feed[0].Revision-1, t.feed...)
		c.trimmed(0, t.feed[0].Revision-1)
		c.absent(stray)
		c.lists(store.Query{Kind: "user", Match: []store.Key{stray}})
		c.counts(store.CountQuery{Kind: "user", Match: []store.Key{stray}}, 0)
		c.counts(store.CountQuery{Kind: "user"}, len(selectRecords(t.records, "user")))
	}
}

func verifyFinds(s *subject, damage store.Damage) {
	s.verifying(func(c *client) {
		other, t := newSound(s.tenant("other")), newSound(c)
		c.findsNothing()
		z := t.last()
		c.corrupt(damage, z.ID)
		found := store.Finding{Damage: damage, Tenant: c.name, ID: z.ID}
		mends := true
		switch damage {
		case store.DamagedRecord:
			mends = false
		case store.DamagedChange:
			found.ID, found.Seq, mends = "", z.Revision, false
		case store.LowRevision:
			found.ID = ""
		default: // about the record, and mended
		}
		for i := range 2 {
			c.handle(i).finds(store.VerifyOptions{}, found)
			c.handle(i).finds(store.VerifyOptions{Tenant: c.name}, found)
			c.handle(i).finds(store.VerifyOptions{Tenant: other.name, Mend: true})
			other.isWhole()
		}
		mended := found
		mended.Mended = mends
		c.other().finds(store.VerifyOptions{Mend: true}, mended)
		other.isWhole()
		if !mends {
			c.findsLost(t, found)
			return
		}
		for i := range 2 {
			c.handle(i).findsNothing()
		}
		t.isWhole()
		c.next(z.Revision + 1)
	})
}

// findsLost checks that what cannot be read stays as it is, until Remove or Trim.
func (c *client) findsLost(t *sound, found store.Finding) {
	c.finds(store.VerifyOptions{Mend: true}, found)
	z := t.last()
	if found.Damage == store.DamagedChange {
		c.exactly(t.records...)
		t.feed[len(t.feed)-1] = store.Change{Seq: z.Revision, Damaged: true}
		c.feed(t.feed[0].Revision-1, t.feed...)
		more := noted(c, 1)
		c.trim(more[0].Revision)
		c.findsNothing()
		return
	}
	c.damagedGets(z)
	c.has(t.records[:len(t.records)-1]...)
	c.feed(t.feed[0].Revision-1, t.feed...)
	c.apply(store.Remove(z.ID, z.Kind, nil))
	c.verify(store.VerifyOptions{Mend: true}) // what was left behind
	c.findsNothing()
	t.records = t.records[:len(t.records)-1]
	t.isWhole()
}

func verifyClean(s *subject) {
	s.verifying(func(c *client) {
		for i, name := range names() {
			c := s.tenant(name)
			c.create1(full(name))
			if i%3 == 0 {
				c.delete(c.get(store.ID(name)))
			}
		}
		t := newSound(c)
		s.importing(func(*client) { s.tenant("imported").imports(origin()) })
		s.dropping(func(*client) {
			dropped := s.tenant("dropped")
			dropped.lived()
			dropped.drop()
		})
		s.tenant("lived").lived()
		for i := range 2 {
			c.handle(i).findsNothing()
			c.handle(i).finds(store.VerifyOptions{Tenant: "t"})
			c.handle(i).finds(store.VerifyOptions{Tenant: "nobody", Mend: true})
			c.handle(i).finds(store.VerifyOptions{Mend: true})
			t.isWhole()
		}
		if names := c.tenants(100); slices.Contains(names, "nobody") {
			s.fail("Verify made a tenant")
		}
		last, called := 0, false
		c.verify(store.VerifyOptions{Progress: func(records int) {
			if called = true; records < last {
				s.fail("Progress %d after %d", records, last)
			}
			last = records
		}})
		if called && last == 0 {
			s.fail("Progress ended at no record")
		}
		c.next(t.last().Revision + 1)
	})
}

func verifyBeside(s *subject) {
	s.verifying(func(c *client) {
		fixed := newSound(c)
		s.together(6, func(i int) {
			if i < 2 {
				for j := range 6 {
					c.handle(i).finds(store.VerifyOptions{Mend: j%2 == 1})
				}
				return
			}
			churn := s.tenant(fmt.Sprint("churn", i/4)).handle(i)
			for j := range 20 {
				id := fmt.Sprintf("%d-%d", i, j)
				rev := churn.apply(store.Create(full(id), []byte("note")))
				r := churn.replace(written(full(id), rev, rev), withTerms(withKeys(withDue(plain(id), day(j)), id), "all", id))
				churn.has(r)
				churn.trim(rev)
				if j%3 > 0 {
					churn.delete(r)
				}
			}
		})
		fixed.isWhole()
		for i := range 2 {
			c := s.tenant(fmt.Sprint("churn", i))
			if n := len(c.list(store.Query{Kind: "user"})); n != 2*7 {
				s.fail("%d records beside Verify, want %d", n, 2*7)
			}
			c.next(2*(20+20+13) + 1)
		}
		c.findsNothing()
	})
}

func verifyMany(s *subject) {
	s.verifying(func(c *client) {
		c.createN(1100, func(i int) store.Record {
			r := full(fmt.Sprint("r", i))
			r.Due = day(50 + i)
			return r
		})
		noted(c, 1100)
		var want []store.Finding
		for _, damage := range []store.Damage{store.MissingTerm, store.MissingKey, store.DamagedChange} {
			id := "z-" + damage.String()
			rev := c.apply(store.Create(full(id), []byte("note")))
			c.corrupt(damage, id)
			f := store.Finding{Damage: damage, Tenant: c.name, ID: id}
			if damage == store.DamagedChange {
				f.ID, f.Seq = "", rev
			}
			want = append(want, f)
		}
		c.finds(store.VerifyOptions{}, want...)
		for i := range want {
			want[i].Mended = want[i].Damage != store.DamagedChange
		}
		c.finds(store.VerifyOptions{Mend: true}, want...)
		want = slices.DeleteFunc(want, func(f store.Finding) bool { return f.Mended })
		c.finds(store.VerifyOptions{}, want...)
	})
}

func verifyLeftBehind(s *subject) {
	s.verifying(func(*client) {
		s.damages(func(c *client) {
			made := c.create(full("a"), full("b"), full("c"))
			c.damage(made[0], made[1])
			c.apply(store.Remove("a", "user", nil), store.Remove("b", "user", nil))
			again := c.create1(plain("a"))
			for _, f := range c.verify(store.VerifyOptions{Mend: true}) {
				stray := f.Damage == store.StrayKey || f.Damage == store.StrayTerm || f.Damage == store.WrongDue
				if !stray || !f.Mended || f.Tenant != "t" {
					s.fail("Verify after Remove: %+v, want nothing or what is stray", f)
				}
			}
			c.findsNothing()
			c.exactly(made[2], again)
			c.absent(append(made[0].Unique, made[1].Unique...)...)
			heirs := c.create(written(full("b"), 0, 0))
			c.exactly(made[2], again, heirs[0])
		})
	})
}

func verifyEnds(s *subject) {
	s.verifying(func(c *client) {
		w, _ := store.As[store.Verifier](c.store)
		for i := range 3 {
			t := newSound(s.tenant(fmt.Sprint("t", i)))
			t.corrupt(store.MissingKey, t.last().ID)
		}
		calls := 0
		w.Verify(s.ctx, store.VerifyOptions{})(func(store.Finding, error) bool {
			calls++
			return false
		})
		if calls != 1 {
			s.fail("Verify went on %d times after its caller broke off", calls-1)
		}
		// one calls Verify and returns its only error, which has to come alone.
		one := func(ctx context.Context, opts store.VerifyOptions) (last error) {
			for f, err := range w.Verify(ctx, opts) {
				if last != nil || err == nil {
					s.fail("Verify: %+v, error %v, after error %v", f, err, last)
				}
				last = err
			}
			return last
		}
		ctx, cancel := context.WithCancel(s.ctx)
		cancel()
		if err := one(ctx, store.VerifyOptions{Mend: true}); !errors.Is(err, context.Canceled) {
			s.fail("Verify with an ended context: error %v, want %v", err, context.Canceled)
		}
		for _, name := range []string{"\xff", strings.Repeat("x", store.MaxTenant+1)} {
			if err := one(s.ctx, store.VerifyOptions{Tenant: name}); !errors.Is(err, store.ErrInvalid) {
				s.fail("Verify of an invalid tenant: error %v, want %v", err, store.ErrInvalid)
			}
		}
		if found := c.verify(store.VerifyOptions{}); len(found) != 3 {
			s.fail("%d findings, want 3", len(found))
		}
	})
}
