package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

func shareChecks() []check {
	return []check{
		{"due/tenants", 6, "a page groups records by tenant, in the order of Tenants", dueTenants},
		{"due/share", 6, "if T tenants share a page, none gives more than Limit/T records", dueShare},
		{"due/flood", 6, "a tenant with many due records does not keep others waiting", dueFlood},
		{"due/share-kinds", 6, "tenants with nothing due of the kinds in the query take no share", dueShareKinds},
		{"due/walk", 6, "a walk by After visits every tenant that has something due, and ends", dueWalk},
		{"due/drain", 6, "a caller that deletes or postpones the records of each page gets every due record once", dueDrain},
		{"due/limit", 6, "a page has at most as many records as its limit; zero means DefaultLimit", dueLimit},
	}
}

// dueModel has the due records of each tenant and the order of tenants.
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
		m.due[c.name] = c.createN(count, func(j int) store.Record {
			return withDue(plain(fmt.Sprint("r", j)), day(1).Add(time.Duration((j*7919)%count)*time.Minute))
		})
		c.create(withDue(plain("later"), day(100)), plain("never"))
		slices.SortFunc(m.due[c.name], byDue)
	}
	m.order = s.tenant("").tenants(100)
	return m
}

// after returns the tenants behind one that have something due.
func (m *dueModel) after(tenant string) []string {
	var tenants []string
	for _, name := range m.order[slices.Index(m.order, tenant)+1:] {
		if len(m.due[name]) > 0 {
			tenants = append(tenants, name)
		}
	}
	return tenants
}

// page checks a page against the tenants that have something due from its beginning on,
// and returns the page and the tenants behind it.
func (m *dueModel) page(c *client, q store.DueQuery, left []string) (page store.DuePage, behind []string) {
	page = c.duePage(q)
	if c.failed() {
		return store.DuePage{}, nil
	}
	share := limitOf(q.Limit)
	if len(left) > 0 {
		share /= min(share, len(left))
	}
	if len(page.Tenants) > len(left) {
		c.fail("Due %+v: %d tenants, of which %d have something due", q, len(page.Tenants), len(left))
		return store.DuePage{}, nil
	}
	for i, t := range page.Tenants {
		want := m.due[left[i]]
		switch {
		case t.Tenant != left[i]:
			c.fail("Due %+v: item %d is of tenant %q, want %q", q, i, t.Tenant, left[i])
		case len(t.Records) > share:
			c.fail("Due %+v: %d records of tenant %q, whose share is %d", q, len(t.Records), t.Tenant, share)
		case len(t.Records) > len(want):
			c.fail("Due %+v: %d records of tenant %q, of which %d are due", q, len(t.Records), t.Tenant, len(want))
		case len(t.Records) < len(want) && t.Next == "":
			c.fail("Due %+v: %d of %d records of tenant %q, and nothing to go on to", q, len(t.Records), len(want), t.Tenant)
		}
		if c.failed() {
			return store.DuePage{}, nil
		}
		c.same(diffRecords(t.Records, want[:len(t.Records)]), "Due %+v: tenant %q", q, t.Tenant)
	}
	behind = left[len(page.Tenants):]
	if len(behind) > 0 && page.Next == "" {
		c.fail("Due %+v: nothing to go on to, but %d tenants behind have something due", q, len(behind))
	}
	return page, behind
}

// walk checks the pages of a walk from a tenant on and hands each tenant to visit. visit
// may delete and postpone records if it updates m.
func (m *dueModel) walk(c *client, q store.DueQuery, visit func(store.DueTenant)) {
	q.Before = cmp.Or(q.Before, day(50))
	left := m.after(q.After)
	for pages := range pagesMost {
		var page store.DuePage
		page, left = m.page(c.handle(pages), q, left)
		for _, t := range page.Tenants {
			visit(t)
		}
		if c.failed() || page.Next == "" {
			return
		}
		q.After = page.Next
	}
	c.fail("Due: no end after %d pages", pagesMost)
}

// walks checks the pages of a walk and, for each tenant, the records that they leave.
func (m *dueModel) walks(c *client, q store.DueQuery) {
	m.walk(c, q, func(t store.DueTenant) {
		if t.Next == "" {
			return
		}
		on := store.DueQuery{Kinds: q.Kinds, Before: day(50), Limit: q.Limit, Tenant: t.Tenant, From: t.Next}
		rest := c.subject.tenant(t.Tenant).dueIn(on)
		c.same(diffRecords(rest, m.due[t.Tenant][len(t.Records):]), "Due %+v", on)
	})
}

func dueTenants(s *subject) {
	m := populateDue(s, 1, 2, 0, 3, 1, 2, 0, 1)
	c := s.tenant("")
	if len(m.order) != 8 {
		s.fail("Tenants: %q, want 8 names", m.order)
	}
	m.walks(c, store.DueQuery{})
	m.walks(c.other(), store.DueQuery{})
	for _, tenant := range m.order {
		m.walks(c, store.DueQuery{After: tenant})
	}
}

func dueShare(s *subject) {
	m := populateDue(s, 30, 1, 3, 12, 0, 7)
	c := s.tenant("")
	for limit := 1; limit <= 40; limit++ {
		m.walks(c.handle(limit), store.DueQuery{Limit: limit})
	}
	for _, tenant := range m.order {
		for _, limit := range []int{1, 2, 3, 4, 5, 9, 25} {
			m.walks(c, store.DueQuery{After: tenant, Limit: limit})
		}
	}
}

func dueFlood(s *subject) {
	for _, flooded := range []string{"0", "4", "9"} { // at any place in the order
		s.tenant(flooded).createN(40, func(i int) store.Record {
			return withDue(plain(fmt.Sprint("flood", i)), day(1).Add(time.Duration(i)*time.Minute))
		})
	}
	c := s.tenant("")
	for i := range 10 {
		s.tenant(fmt.Sprint(i)).create(withDue(plain("one"), day(2)))
	}
	for _, limit := range []int{10, 11, 19, 20, 25} {
		found := map[string]int{}
		first := 0
		q := store.DueQuery{Before: day(50), Limit: limit}
		for range pagesMost {
			page := c.duePage(q)
			for _, t := range page.Tenants {
				found[t.Tenant] += len(t.Records)
			}
			if first = max(first, len(page.Tenants)); page.Next == "" {
				break
			}
			q.After = page.Next
		}
		if s.failed() {
			return
		}
		for i := range 10 {
			if n := found[fmt.Sprint(i)]; n == 0 || n > limit/min(first, 10) {
				s.fail("a round in pages of %d has %d records of a tenant, want 1 to %d", limit, n, limit/first)
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
		m.walks(c, store.DueQuery{Kinds: []string{"user"}, Limit: limit})
		m.walks(c, store.DueQuery{Kinds: []string{"none", "user"}, Limit: limit})
	}
}

func dueWalk(s *subject) {
	m := populateDue(s, 1, 3, 0, 2, 5, 1, 0, 4, 1)
	c := s.tenant("")
	for _, limit := range []int{1, 2, 3, 5, 100} {
		var visited []string
		m.walk(c, store.DueQuery{Limit: limit}, func(t store.DueTenant) { visited = append(visited, t.Tenant) })
		if !slices.Equal(visited, m.after("")) {
			s.fail("a walk in pages of %d visited %q", limit, visited)
		}
	}
}

func dueDrain(s *subject) {
	m := populateDue(s, 20, 1, 8, 0, 3)
	c := s.tenant("")
	for rounds, left := 0, 32; left > 0 && !s.failed(); rounds++ {
		if rounds > 100 {
			s.fail("%d records are left after %d rounds", left, rounds)
		}
		m.walk(c, store.DueQuery{Limit: 6}, func(t store.DueTenant) {
			for i, r := range t.Records {
				owner := s.tenant(t.Tenant).handle(rounds)
				if i%2 == 0 {
					owner.delete(r)
				} else {
					owner.replace(r, withDue(plain(r.ID), day(60)))
				}
			}
			m.due[t.Tenant] = m.due[t.Tenant][len(t.Records):]
			left -= len(t.Records)
		})
	}
	m.walk(c, store.DueQuery{Limit: 6}, func(store.DueTenant) {})
}

func dueLimit(s *subject) {
	m := populateDue(s, store.MaxLimit+1)
	c := s.tenant("")
	for _, limit := range []int{0, 1, store.DefaultLimit, store.MaxLimit - 1} {
		m.walk(c, store.DueQuery{Limit: limit}, func(store.DueTenant) {})
	}
	m.walks(c, store.DueQuery{Limit: store.MaxLimit})
}
