package storetest

import (
	"fmt"
	"testing"

	"github.com/rollbook-go/rollbook/store"
)

// TestStingyIsStingy counts the items of all pages, and the empty ones of a walk.
func TestStingyIsStingy(t *testing.T) {
	t.Parallel()
	mean := Stingy(newMapStore())
	s, err := newSubject(t.Context(), Place{Open: func() (store.Store, error) { return mean, nil }})
	if err != nil {
		t.Fatal(err)
	}
	c := s.tenant("t")
	for i := range 5 { // a user and a group in turn, each with a Note
		r := withDue(plain(fmt.Sprint("r", i)), day(1+i))
		group := store.Record{ID: fmt.Sprint("g", i), Kind: "group"}
		c.apply(store.Create(r, []byte("note")), store.Create(group, nil))
		s.tenant(fmt.Sprint("t", i)).create1(r)
	}
	pages := map[string][]int{}
	add := func(call string, n int) { pages[call] = append(pages[call], n) }
	for _, desc := range []bool{false, true} {
		c.walk(store.Query{Kind: "user", Desc: desc}, func(page store.Page) { add(fmt.Sprint("List ", desc), len(page.Records)) })
		c.walkChanges(store.ChangeQuery{Desc: desc}, func(page store.ChangePage) { add(fmt.Sprint("Changes ", desc), len(page.Changes)) })
	}
	c.walkDue(store.DueQuery{Before: day(9), Tenant: "t"}, func(due store.DueTenant) { add("Due of one", len(due.Records)) })
	c.walkTenants(100, func(page store.TenantPage) { add("Tenants", len(page.Names)) })
	q := store.DueQuery{Before: day(9)}
	for range 100 {
		page := c.duePage(q)
		n := 0
		for _, due := range page.Tenants {
			n += len(due.Records)
		}
		add("Due", n)
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	if err := s.verdict(); err != nil {
		t.Fatal(err)
	}
	for call, items := range pages {
		sum, empty := 0, 0
		for _, n := range items {
			if sum += n; n > 1 {
				t.Errorf("%s: a page of %d", call, n)
			}
			if n == 0 {
				empty++
			}
		}
		if want := map[string]int{"Tenants": 6, "Due": 6}[call]; sum != max(want, 5) || empty < 4 {
			t.Errorf("%s: %d items, %d empty pages: %v", call, sum, empty, items)
		}
	}
	if !has[store.Waiter](mean) {
		t.Error("it does not wait")
	}
	if has[store.Counter](mean) || has[store.Confirmer](mean) {
		t.Error("it counts or confirms")
	}
	bare := Stingy(listed{newMapStore()})
	for name, there := range map[string][2]bool{
		"scrubber":  {has[store.Scrubber](mean), has[store.Scrubber](bare)},
		"importer":  {has[store.Importer](mean), has[store.Importer](bare)},
		"dropper":   {has[store.Dropper](mean), has[store.Dropper](bare)},
		"kinds":     {has[store.KindLister](mean), has[store.KindLister](bare)},
		"verifier":  {has[store.Verifier](mean), has[store.Verifier](bare)},
		"damager":   {has[Damager](mean), has[Damager](bare)},
		"corrupter": {has[Corrupter](mean), has[Corrupter](bare)},
	} {
		if there != [2]bool{true, false} {
			t.Errorf("%s: it has it over a store that has: %v, over one that has not: %v", name, there[0], there[1])
		}
	}
}
