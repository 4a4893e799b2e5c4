package console

import (
	"context"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// daysShown is how many days the chart of the overview has, today included.
const daysShown = 30

// dayCounts remembers how many users were added on days that are over. To count a busy month takes
// most stores longer than anybody wants to wait for the overview. A number is remembered for an
// hour, and does not know about users who were deleted meanwhile; the page says so.
type dayCounts struct {
	mu  sync.Mutex
	all map[dayKey]dayCount
}

type dayKey struct {
	tenant string
	env    enduser.Environment
	day    int64 // its beginning in Unix time
}

type dayCount struct {
	enduser.Count
	at time.Time // when it was counted
}

const (
	dayCountFor  = time.Hour
	maxDayCounts = 30_000 // 3 MB
)

func keyOf(t enduser.Tenant, day time.Time) dayKey {
	return dayKey{t.Name(), t.Environment(), day.Unix()}
}

// get returns what is remembered of a day.
func (d *dayCounts) get(t enduser.Tenant, day, now time.Time) (n enduser.Count, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	one, ok := d.all[keyOf(t, day)]
	return one.Count, ok && now.Sub(one.at) < dayCountFor
}

func (d *dayCounts) put(t enduser.Tenant, day, now time.Time, n enduser.Count) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all == nil || len(d.all) >= maxDayCounts {
		d.all = make(map[dayKey]dayCount) // to forget all is simple, and costs an hour's counts at most
	}
	d.all[keyOf(t, day)] = dayCount{n, now}
}

// startOfDay returns the beginning of a time's day in UTC.
func startOfDay(at time.Time) time.Time {
	y, m, d := at.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// addedFrom selects the users that were added at a time or later.
func addedFrom(at time.Time) enduser.Query {
	return enduser.Query{AddedAfter: at.Add(-time.Millisecond)} // which is excluded; times have whole milliseconds
}

// askDays asks for the chart: first for today, then for the days that are over and not remembered,
// the newest first. A page that was not told all of them leaves fewer to the next.
func (c *console) askDays(g *gathering, t enduser.Tenant, data *overviewPage) {
	today := startOfDay(data.Now)
	data.Days = newDays(today)
	show := func(day time.Time, n enduser.Count) {
		g.put(func() {
			b := &data.Days.Bars[daysShown-1-int(today.Sub(day)/(24*time.Hour))]
			b.Value, b.More, b.Unknown = n.N, !n.Exact, false
		})
	}
	missing := []time.Time{today}
	for i := 1; i < daysShown; i++ {
		day := today.AddDate(0, 0, -i)
		if n, ok := c.days.get(t, day, data.Now); ok {
			show(day, n)
		} else {
			missing = append(missing, day)
		}
	}
	g.ask(func(ctx context.Context) error {
		for _, day := range missing {
			q := addedFrom(day)
			if day != today { // a clock that is ahead is no reason to count nobody
				q.AddedBefore = day.AddDate(0, 0, 1)
			}
			n, err := t.Count(ctx, q)
			if err != nil {
				return err
			}
			if show(day, n); day != today {
				c.days.put(t, day, data.Now, n)
			}
		}
		return nil
	}, &data.DaysLost)
}

// newDays returns a chart of days of which nothing is known.
func newDays(today time.Time) *chart {
	ch := &chart{ID: "created", Title: "Users created per day (UTC)", Period: "Day"}
	for i := range daysShown {
		day := today.AddDate(0, 0, i+1-daysShown)
		date := day.Format(time.DateOnly)
		ch.Bars = append(ch.Bars, bar{
			Label: day.Format("2 Jan"), Unknown: true, Href: "users?from=" + date + "&to=" + date,
		})
	}
	return ch
}
