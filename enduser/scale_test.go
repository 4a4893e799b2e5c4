package enduser_test

import (
	"context"
	"fmt"
	"path"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// counting counts the calls of a store, and the most records that one of them asked for
// and returned.
type counting struct {
	store.Store
	mu                   sync.Mutex
	asked, given         int
	gets, lists, applies int
}

func (c *counting) Unwrap() store.Store { return c.Store }

func (c *counting) note(asked, given int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked, c.given = max(c.asked, asked), max(c.given, given)
	c.lists++
}

func (c *counting) reset() { c.asked, c.given, c.gets, c.lists, c.applies = 0, 0, 0, 0, 0 }

func (c *counting) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	c.mu.Lock()
	c.gets++
	c.mu.Unlock()
	return c.Store.Get(ctx, tenant, key)
}

func (c *counting) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	c.mu.Lock()
	c.applies++
	c.mu.Unlock()
	return c.Store.Apply(ctx, tenant, b)
}

func (c *counting) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	page, err := c.Store.List(ctx, tenant, q)
	c.note(q.Limit, len(page.Records))
	return page, err
}

func (c *counting) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	page, err := c.Store.Changes(ctx, tenant, q)
	c.note(q.Limit, len(page.Changes))
	return page, err
}

func (c *counting) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	page, err := c.Store.Due(ctx, q)
	n := 0
	for _, of := range page.Tenants {
		n += len(of.Records)
	}
	c.note(q.Limit, n)
	return page, err
}

// No call, however many users there are, asks the store for more than a page, and
// calls about one user read one.
func TestNoCallReadsMoreThanAPage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, st store.Store) {
		if path.Base(t.Name()) == "stingy" {
			t.Skip("it takes many calls to get a page")
		}
		ctx := t.Context()
		c := &counting{Store: st}
		w := newWorld(c)
		w.schema = enduser.Schema{IndexedMetadata: []string{"plan"}}
		acme := w.acme.With(unique)
		const n = 600
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for i := g; i < n; i += 8 {
					_, err := acme.Create(ctx, enduser.Spec{
						ExternalID: fmt.Sprint("crm-", i), Name: "Ann", Email: fmt.Sprintf("u%d@example.com", i), Groups: []string{"g"},
						ExpiresIn: time.Hour,
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		one := enduser.Spec{ExternalID: "crm-7", Name: "Bob", Email: "other@example.com"}
		list := func(q enduser.Query) func() error {
			return func() error { return second(acme.List(ctx, q)) }
		}
		for _, c2 := range []struct {
			name               string
			asked, gets, lists int // at most
			call               func() error
		}{
			{"get", 0, 1, 0, func() error { return second(acme.Get(ctx, enduser.ByExternalID("crm-9"))) }},
			{"get by e-mail", 2, 0, 1, func() error { return second(acme.Get(ctx, enduser.ByEmail("u9@example.com"))) }},
			{"ensure", 3, 0, 1, func() error { _, _, err := acme.Ensure(ctx, enduser.Spec{ExternalID: "crm-7"}); return err }},
			{"upsert", 3, 1, 2, func() error { _, _, err := acme.Upsert(ctx, one); return err }},
			{"create", 3, 0, 1, func() error { return second(acme.Create(ctx, enduser.Spec{Email: "new@example.com"})) }},
			{"update", 0, 1, 0, func() error { return second(acme.Update(ctx, enduser.ByExternalID("crm-7"), rename)) }},
			{"delete", 0, 1, 0, func() error { return acme.Delete(ctx, enduser.ByExternalID("crm-8")) }},
			{"list", 51, 0, 1, list(enduser.Query{})},
			{"largest list", 501, 0, 1, list(enduser.Query{Limit: 500})},
			{"list by name and group", 51, 0, 1, list(enduser.Query{Filter: enduser.Filter{Name: "ann", Group: "g"}})},
			{"list by external ID and group", 0, 1, 0, list(enduser.Query{Filter: enduser.Filter{ExternalID: "crm-7", Group: "g"}})},
			{"all", 201, 0, 4, func() error {
				for _, err := range acme.All(ctx, enduser.Filter{}) {
					if err != nil {
						return err
					}
				}
				return nil
			}},
			{"changes", 1000, 0, 1, func() error { return second(acme.Changes(ctx, enduser.ChangeQuery{Limit: 1000})) }},
			{"reindex", 201, 0, 4, func() error { return second(acme.Reindex(ctx)) }},
			{"sweep", 1000, 0, 3, func() error { w.Advance(time.Hour); return second(w.users.Sweep(ctx)) }},
		} {
			c.reset()
			if err := c2.call(); err != nil {
				t.Errorf("%s: %v", c2.name, err)
			}
			if c.asked > c2.asked || c.given > c2.asked || c.gets > c2.gets || c.lists > c2.lists {
				t.Errorf("%s: %d gets, %d lists of at most %d, of which %d came; want at most %d, %d and %d",
					c2.name, c.gets, c.lists, c.asked, c.given, c2.gets, c2.lists, c2.asked)
			}
		}
	})
}
