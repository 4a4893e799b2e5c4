package console

import (
	"context"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// daysShown is how many days the chart of the overview has, today included.
const daysShown = 30

// startOfDay returns the beginning of a time's day in UTC.
func startOfDay(at time.Time) time.Time {
	y, m, d := at.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// addedFrom selects the users that were added at a time or later.
func addedFrom(at time.Time) enduser.Query {
	return enduser.Query{AddedAfter: at.Add(-time.Millisecond)} // which is excluded; times have whole milliseconds
}

// askDays asks for the chart. Days that are over are remembered, so that a page that was not told
// all of them leaves fewer to the next.
func (c *console) askDays(g *gathering, t enduser.Tenant, data *overviewPage) {
	today := startOfDay(data.Now)
	data.Days = newDays(today)
	g.ask(func(ctx context.Context) error {
		var missing []int
		for ago := range daysShown {
			if n, ok := c.counts.get(keyOf(t, nameOfDay(today, ago)), data.Now); ok {
				data.Days.know(g, ago, n)
			} else {
				missing = append(missing, ago)
			}
		}
		for _, ago := range missing { // the newest first
			q, keep := addedFrom(today), time.Duration(0)
			if ago > 0 { // of today: a clock that is ahead is no reason to count nobody
				q, keep = addedFrom(today.AddDate(0, 0, -ago)), keepOver
				q.AddedBefore = today.AddDate(0, 0, 1-ago)
			}
			n, err := c.counts.count(ctx, t, nameOfDay(today, ago), q, data.Now, keep)
			if err != nil {
				return err
			}
			data.Days.know(g, ago, n)
		}
		return nil
	}, &data.DaysLost)
}

func nameOfDay(today time.Time, ago int) string {
	return today.AddDate(0, 0, -ago).Format(time.DateOnly)
}

// know gives the bar of a day its number.
func (c *chart) know(g *gathering, ago int, n enduser.Count) {
	g.put(func() {
		b := &c.Bars[len(c.Bars)-1-ago]
		b.Value, b.More, b.Unknown = n.N, !n.Exact, false
	})
}

// newDays returns a chart of days of which nothing is known.
func newDays(today time.Time) *chart {
	ch := &chart{ID: "created", Title: "Users created per day (UTC)", Period: "Day"}
	for i := range daysShown {
		day := today.AddDate(0, 0, i+1-daysShown)
		date := nameOfDay(day, 0)
		ch.Bars = append(ch.Bars, bar{
			Label: day.Format("2 Jan"), Unknown: true, Href: "users?from=" + date + "&to=" + date,
		})
	}
	return ch
}
