package console

import (
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// Higher bars are higher numbers; each stands on the ground and is inside the picture.
func TestChartRects(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var c chart
		for i := range 1 + r.IntN(40) {
			v := r.IntN(50)
			if r.IntN(10) == 0 {
				v *= 1_000_000 // a huge day
			}
			c.Bars = append(c.Bars, bar{Label: strconv.Itoa(i), Value: v, Unknown: r.IntN(8) == 0})
		}
		rects := c.Rects()
		for i, a := range rects {
			if a.Y < 0 || a.Y+a.Height != barHeight || a.X < 0 || a.X+barWidth > c.Width() {
				t.Fatalf("%+v is not inside %d by %d", a, c.Width(), barHeight)
			}
			if seen := a.Height > 0; seen != (a.Value > 0 && !a.Unknown) {
				t.Fatalf("%+v is seen: %t", a, seen)
			}
			if i > 0 && a.X < rects[i-1].X+barWidth {
				t.Fatalf("%+v covers %+v", a, rects[i-1])
			}
			for _, b := range rects {
				if !a.Unknown && !b.Unknown && a.Value < b.Value && a.Height > b.Height {
					t.Fatalf("%+v is higher than %+v", a, b)
				}
			}
		}
	}
}

func TestChartText(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]chart{
		"0 in all.":                     {},
		"0 in all from 1 May to 2 May.": {Bars: []bar{{Label: "1 May"}, {Label: "2 May"}}},
		"9 in all from 1 May to 3 May; most, 8, on 3 May.":                  {Bars: []bar{{Label: "1 May", Value: 1}, {Label: "2 May"}, {Label: "3 May", Value: 8}}},
		"4 in all from 1 May to 2 May; most, 4, on 1 May; not known for 1.": {Bars: []bar{{Label: "1 May", Value: 4}, {Label: "2 May", Value: 7, Unknown: true}}},
	} {
		if got := c.Text(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The picture has a name, a description, and a table with the same numbers.
func TestChart(t *testing.T) {
	t.Parallel()
	got := render(t, "chart", chart{
		ID: "created", Title: "Created <per> day", Period: "Day",
		Bars: []bar{{Label: "1 <May>", Value: 3, Href: "users?from=2026-05-01&to=2026-05-01"}, {Label: "2 May", Unknown: true}, {Label: "3 May"}},
	})
	for _, part := range []string{
		`role="img" aria-labelledby="created-title created-text"`,
		`<title id="created-title">Created &lt;per&gt; day</title>`,
		`<desc id="created-text">3 in all from 1 &lt;May&gt; to 3 May; most, 3, on 1 &lt;May&gt;; not known for 1.</desc>`,
		`<summary>Show as table</summary>`,
		`<th scope="row"><a href="./users?from=2026-05-01&amp;to=2026-05-01">1 &lt;May&gt;</a></th><td class="num">3</td>`,
		`<th scope="row">2 May</th><td class="num">–</td>`,
		`<th scope="row">3 May</th><td class="num">0</td>`,
	} {
		if !strings.Contains(got, part) {
			t.Errorf("lacks %q:\n%s", part, got)
		}
	}
	if n := strings.Count(got, `class="bar"`); n != 1 {
		t.Errorf("%d bars, want that of 1 May", n)
	}
	d := xml.NewDecoder(strings.NewReader(got))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well formed: %v\n%s", err, got)
		}
	}
}
