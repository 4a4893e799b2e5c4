package storetest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

func dueChecks() []check {
	return []check{
		{"due/order", 6, "Due returns the records of a tenant by Due, whole", dueOrder},
		{"due/equal", 6, "records of one Due are returned and got done like others", dueEqual},
		{"due/before", 6, "Due returns records whose Due is earlier than Before, strictly", dueBefore},
		{"due/kinds", 6, "Due returns records of the kinds asked for; of every kind if none is", dueKinds},
		{"due/stays", 6, "a due record stays due, fetchable, listed and in possession of its keys", dueStays},
		{"due/moves", 6, "a replacement moves, removes or sets a record's Due, a deletion removes it", dueMoves},
		{"due/tenants", 6, "a page groups records by tenant, in the order of Tenants", dueTenants},
		{"due/share", 6, "where T tenants share a page none gives more than Limit/T records, and as many share it as can", dueShare},
		{"due/flood", 6, "a tenant with much to do does not keep others waiting", dueFlood},
		{"due/share-kinds", 6, "tenants with nothing due of the kinds asked for take no share", dueShareKinds},
		{"due/walk", 6, "a walk by After visits every tenant that has something due, and ends", dueWalk},
		{"due/drain", 6, "doing what a page says and asking again gets everything done, once", dueDrain},
		{"due/limit", 6, "a page has as many records as are due, up to the limit; zero means DefaultLimit", dueLimit},
	}
}

func dueOrder(s *subject) {
	c := s.tenant("t")
	var records []store.Record
	for i, n := range []int{5, 3, 9, 1, 7, 2, 8, 4, 6} {
		r := full(fmt.Sprint("r", i))
		r.Due = day(n).Add(time.Duration(i) * time.Millisecond)
		records = append(records, r)
	}
	early := withDue(plain("early"), time.UnixMilli(1))
	late := withDue(plain("late"), farFuture().Add(-time.Millisecond))
	made := c.create(append(records, early, late, plain("never"))...)
	due := made[:len(made)-1]
	slices.SortFunc(due, byDue)
	for _, c := range []*client{c, c.other()} {
		c.duePage(store.DueQuery{Before: farFuture()}, c.name, due...)
		c.duePage(store.DueQuery{Before: farFuture(), Limit: 4}, c.name, due[:4]...)
		c.duePage(store.DueQuery{Before: due[4].Due}, c.name, due[:4]...)
	}
}

func dueEqual(s *subject) {
	c := s.tenant("t")
	left := map[string]store.Record{}
	for i := range 12 {
		r := c.create1(withDue(plain(fmt.Sprint("r", i)), day(1)))
		left[r.ID] = r
	}
	c.dueAre(slices.Collect(maps.Values(left))...)
	for len(left) > 0 && !s.failed() {
		page := c.due(store.DueQuery{Before: day(2), Limit: 5})
		if want := min(5, len(left)); len(page) != want && !s.failed() {
			s.fail("Due: %d records, want %d", len(page), want)
		}
		for _, d := range page {
			if diff := diffRecord(d.Record, left[d.Record.ID]); diff != "" && !s.failed() {
				s.fail("Due: %s", diff)
			}
			c.delete(d.Record)
			delete(left, d.Record.ID)
		}
	}
	c.dueAre()
}

// duePage checks that a page of due records consists of these, all of one tenant.
func (c *client) duePage(q store.DueQuery, tenant string, want ...store.Record) {
	page := c.due(q)
	if c.failed() {
		return
	}
	var got []store.Record
	for _, d := range page {
		if d.Tenant != tenant {
			c.fail("Due %+v: tenant %q, want %q", q, d.Tenant, tenant)
		}
		got = append(got, d.Record)
	}
	if diff := diffRecords(got, want); diff != "" {
		c.fail("Due %+v: %s", q, diff)
	}
}

func dueBefore(s *subject) {
	c := s.tenant("t")
	at := day(5)
	r := c.create1(withDue(plain("a"), at))
	for _, bound := range []time.Time{at, at.Add(-1), at.Add(-time.Millisecond), time.Unix(0, 1), time.Time{}.Add(1), time.Date(-400, 1, 1, 0, 0, 0, 0, time.UTC)} {
		c.duePage(store.DueQuery{Before: bound}, "t")
	}
	for _, bound := range []time.Time{at.Add(1), at.Add(time.Millisecond), day(6), farFuture(), farFuture().AddDate(5000, 0, 0)} {
		c.duePage(store.DueQuery{Before: bound}, "t", r)
	}
	// The zone of a bound does not matter.
	c.duePage(store.DueQuery{Before: at.In(time.FixedZone("west", -11*3600))}, "t")
	c.duePage(store.DueQuery{Before: at.Add(1).In(time.FixedZone("east", 14*3600))}, "t", r)
}

func dueKinds(s *subject) {
	c := s.tenant("t")
	var all []store.Record
	for i := range 9 {
		r := withDue(plain(fmt.Sprint("r", i)), day(9-i))
		r.Kind = []string{"user", "group", "secret"}[i%3]
		all = append(all, r)
	}
	all = c.create(all...)
	slices.Reverse(all)
	for _, kinds := range [][]string{
		nil, {}, {"user"}, {"group"}, {"secret", "user"}, {"user", "secret"}, {"none"}, {"none", "group"}, {"User"}, {"user", "group", "secret"},
	} {
		var want []store.Record
		for _, r := range all {
			if len(kinds) == 0 || slices.Contains(kinds, r.Kind) {
				want = append(want, r)
			}
		}
		c.duePage(store.DueQuery{Kinds: kinds, Before: farFuture()}, "t", want...)
		c.duePage(store.DueQuery{Kinds: kinds, Before: farFuture(), Limit: 2}, "t", want[:min(2, len(want))]...)
		if len(want) > 0 {
			c.duePage(store.DueQuery{Kinds: kinds, Before: want[0].Due}, "t")
		}
	}
}

func dueStays(s *subject) {
	c := s.tenant("t")
	past := full("a")
	past.Due = time.UnixMilli(1)
	made := c.create1(past)
	for range 3 {
		c.exactly(made)
		c.duePage(store.DueQuery{Before: day(1)}, "t", made)
	}
	claim := plain("b")
	claim.Unique = made.Unique
	c.taken(0, made.Unique[0], made, store.Create(claim, nil))
}

func dueMoves(s *subject) {
	c := s.tenant("t")
	r := c.create1(withDue(plain("a"), day(1)))
	other := c.create1(withDue(plain("b"), day(2)))
	soon := store.DueQuery{Before: day(3)}
	c.duePage(soon, "t", r, other)
	r = c.replace(r, withDue(plain("a"), day(4)))
	c.duePage(soon, "t", other)
	c.duePage(store.DueQuery{Before: day(5)}, "t", other, r)
	r = c.replace(r, plain("a"))
	c.duePage(store.DueQuery{Before: day(5)}, "t", other)
	r = c.replace(r, withDue(plain("a"), day(2).Add(-time.Millisecond)))
	c.duePage(soon, "t", r, other)
	r = c.replace(r, withDue(withData(plain("a"), "same Due"), r.Due))
	c.duePage(soon, "t", r, other)
	c.delete(r)
	c.duePage(soon, "t", other)
	again := c.create1(plain("a"))
	c.duePage(soon, "t", other)
	// Two records exchange their Dues in one batch.
	x, y := withDue(plain("a"), other.Due), plain("b")
	rev := c.apply(store.Replace(again, x, nil), store.Replace(other, y, nil))
	x.Created, x.Revision = again.Created, rev-1
	c.duePage(soon, "t", x)
}

// dueModel is what is due, by tenant, and the order of tenants.
type dueModel struct {
	order []string
	due   map[string][]store.Record // by Due; Dues of a tenant differ
}

// populateDue creates n[i] due records of kind "user" in tenant i, and for each
// tenant one that is due later and one that never is.
func populateDue(s *subject, n ...int) *dueModel {
	m := &dueModel{due: map[string][]store.Record{}}
	for i, count := range n {
		c := s.tenant(fmt.Sprint("tenant", i))
		var records []store.Record
		for j := range count {
			records = append(records, withDue(plain(fmt.Sprint("r", j)), day(1).Add(time.Duration((j*7919)%count)*time.Minute)))
		}
		records = c.create(append(records, withDue(plain("later"), day(100)), plain("never"))...)
		m.due[c.name] = records[:count]
		slices.SortFunc(m.due[c.name], byDue)
	}
	m.order = s.tenant("").tenants(100)
	return m
}

// page returns the page that the rules demand.
func (m *dueModel) page(after string, limit int) []store.DueRecord {
	var tenants []string
	from := slices.Index(m.order, after) + 1
	for _, tenant := range m.order[from:] {
		if len(m.due[tenant]) > 0 {
			tenants = append(tenants, tenant)
		}
	}
	tenants = tenants[:min(limit, len(tenants))]
	var page []store.DueRecord
	for _, tenant := range tenants {
		for _, r := range m.due[tenant][:min(limit/len(tenants), len(m.due[tenant]))] {
			page = append(page, store.DueRecord{Tenant: tenant, Record: r})
		}
	}
	return page
}

// pages checks the page after a tenant and returns it, none after a fault.
func (m *dueModel) pages(c *client, q store.DueQuery) []store.DueRecord {
	q.Before = day(50)
	got := c.due(q)
	if c.failed() {
		return nil
	}
	limit := q.Limit
	if limit == 0 {
		limit = store.DefaultLimit
	}
	if diff := diffDue(got, m.page(q.After, limit)); diff != "" {
		c.fail("Due after tenant %q, limit %d: %s", q.After, q.Limit, diff)
		return nil
	}
	return got
}

func diffDue(got, want []store.DueRecord) string {
	for i := range min(len(got), len(want)) {
		if got[i].Tenant != want[i].Tenant {
			return fmt.Sprintf("item %d is of tenant %q, want %q", i, got[i].Tenant, want[i].Tenant)
		}
		if diff := diffRecord(got[i].Record, want[i].Record); diff != "" {
			return fmt.Sprintf("item %d: %s", i, diff)
		}
	}
	if len(got) != len(want) {
		return fmt.Sprintf("%d records, want %d", len(got), len(want))
	}
	return ""
}

func dueTenants(s *subject) {
	m := populateDue(s, 1, 2, 0, 3, 1, 2, 0, 1)
	c := s.tenant("")
	if len(m.order) != 8 && !s.failed() {
		s.fail("Tenants: %q, want 8 names", m.order)
	}
	m.pages(c, store.DueQuery{})
	m.pages(c.other(), store.DueQuery{})
	for _, tenant := range m.order {
		m.pages(c, store.DueQuery{After: tenant})
	}
}

func dueShare(s *subject) {
	m := populateDue(s, 30, 1, 3, 12, 0, 7)
	c := s.tenant("")
	for limit := 1; limit <= 40; limit++ {
		m.pages(c.handle(limit), store.DueQuery{Limit: limit})
	}
	for _, tenant := range m.order {
		for _, limit := range []int{1, 2, 3, 4, 5, 9, 25} {
			m.pages(c, store.DueQuery{After: tenant, Limit: limit})
		}
	}
}

func dueFlood(s *subject) {
	for _, flooded := range []string{"0", "4", "9"} { // wherever it is in the order
		var records []store.Record
		for i := range 40 {
			records = append(records, withDue(plain(fmt.Sprint("flood", i)), day(1).Add(time.Duration(i)*time.Minute)))
		}
		s.tenant(flooded).create(records...)
	}
	c := s.tenant("")
	for i := range 10 {
		s.tenant(fmt.Sprint(i)).create(withDue(plain("one"), day(2)))
	}
	for _, limit := range []int{10, 11, 19, 20, 25} {
		found := map[string]int{}
		for _, d := range c.due(store.DueQuery{Before: day(50), Limit: limit}) {
			found[d.Tenant]++
		}
		if s.failed() {
			return
		}
		for i := range 10 {
			if n := found[fmt.Sprint(i)]; n == 0 || n > limit/10 {
				s.fail("a page of %d has %d records of a tenant, want 1 to %d", limit, n, limit/10)
			}
		}
	}
}

func dueShareKinds(s *subject) {
	m := populateDue(s, 6, 4, 6, 2)
	for i := range 4 {
		c := s.tenant(fmt.Sprint("tenant", i))
		early := withDue(plain("other kind"), day(0))
		early.Kind = "group"
		c.create1(early)
		if i%2 == 0 { // has nothing else due
			var ops []store.Op
			for _, r := range m.due[c.name] {
				ops = append(ops, store.Delete(r, nil))
			}
			c.apply(ops...)
			m.due[c.name] = nil
		}
	}
	c := s.tenant("")
	for limit := 1; limit <= 12; limit++ {
		m.pages(c, store.DueQuery{Kinds: []string{"user"}, Limit: limit})
		m.pages(c, store.DueQuery{Kinds: []string{"none", "user"}, Limit: limit})
	}
}

func dueWalk(s *subject) {
	m := populateDue(s, 1, 3, 0, 2, 5, 1, 0, 4, 1)
	c := s.tenant("")
	for _, limit := range []int{1, 2, 3, 5, 100} {
		var visited []string
		q := store.DueQuery{Limit: limit}
		for pages := 0; !s.failed(); pages++ {
			page := m.pages(c.handle(pages), q)
			if len(page) == 0 {
				break
			}
			for _, d := range page {
				if !slices.Contains(visited, d.Tenant) {
					visited = append(visited, d.Tenant)
				}
			}
			q.After = page[len(page)-1].Tenant
		}
		if len(visited) != 7 && !s.failed() {
			s.fail("a walk in pages of %d visited %q", limit, visited)
		}
	}
}

func dueDrain(s *subject) {
	m := populateDue(s, 20, 1, 8, 0, 3)
	c := s.tenant("")
	left := 32
	for round := 0; left > 0 && !s.failed(); round++ {
		page := m.pages(c.handle(round), store.DueQuery{Limit: 6})
		for i, d := range page {
			owner := s.tenant(d.Tenant).handle(round)
			if i%2 == 0 {
				owner.delete(d.Record)
			} else {
				owner.replace(d.Record, withDue(plain(d.Record.ID), day(60)))
			}
			m.due[d.Tenant] = m.due[d.Tenant][1:]
			left--
		}
	}
	m.pages(c, store.DueQuery{Limit: 6})
}

func dueLimit(s *subject) {
	m := populateDue(s, store.MaxLimit+1)
	c := s.tenant("")
	for _, limit := range []int{0, 1, store.DefaultLimit, store.MaxLimit - 1, store.MaxLimit} {
		m.pages(c, store.DueQuery{Limit: limit})
	}
}
