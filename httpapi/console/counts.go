package console

import (
	"context"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// counts remembers for a while how many users there are of some kind. To count as many as the
// overview shows takes most stores longer than anybody wants to wait for a page.
type counts struct {
	mu  sync.Mutex
	all map[countKey]remembered
}

type countKey struct {
	tenant string
	env    enduser.Environment
	of     string
}

func keyOf(t enduser.Tenant, of string) countKey { return countKey{t.Name(), t.Environment(), of} }

type remembered struct {
	enduser.Count
	until time.Time
}

const (
	// keepOver is for days that are over. A number does not know about users who were deleted since;
	// the page says so.
	keepOver = time.Hour

	// keepCapped is for counts that ended at their cap. They cost the most, and change the least.
	keepCapped = time.Minute

	maxCounts = 30_000 // 5 MB, and the external IDs of the groups that are counted
)

// count counts users, or returns what is remembered of the same count. It remembers what it counts
// for a time, if that is not 0, or if the count ended at its cap.
func (c *counts) count(
	ctx context.Context, t enduser.Tenant, of string, q enduser.Query, now time.Time, keep time.Duration,
) (enduser.Count, error) {
	key := keyOf(t, of)
	if n, ok := c.get(key, now); ok {
		return n, nil
	}
	n, err := t.Count(ctx, q)
	switch {
	case err != nil || keep == 0 && n.Exact:
		return n, err
	case keep == 0:
		keep = keepCapped
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = make(map[countKey]remembered)
	}
	if len(c.all) >= maxCounts { // any one makes room: most often one of the tenant that has most
		for other := range c.all {
			delete(c.all, other)
			break
		}
	}
	c.all[key] = remembered{n, now.Add(keep)}
	return n, nil
}

func (c *counts) get(key countKey, now time.Time) (n enduser.Count, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one, ok := c.all[key]
	return one.Count, ok && now.Before(one.until)
}
