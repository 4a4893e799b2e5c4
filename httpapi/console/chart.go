package console

import "strconv"

// chart is numbers in the order of time, as bars and as a table.
type chart struct {
	ID     string // in the page
	Title  string // what is counted: "Users created per day"
	Period string // the head of the table's first column: "Day"
	Bars   []bar
}

// bar is one number of a chart.
type bar struct {
	Label   string // "26 Nov"
	Value   int
	More    bool   // there are more than Value: "10,000+"
	Unknown bool   // shown as "–"
	Href    string // what was counted, relative to the page; "" for none
}

// The picture is drawn in its own units: each bar has 10, of which 2 are the gap.
const (
	barStep   = 10
	barWidth  = 8
	barHeight = 100
)

// rect is a bar as it is drawn.
type rect struct {
	bar
	X, Y, Height int
}

// Text is the number of a bar.
func (b bar) Text() string {
	if b.Unknown {
		return unknown
	}
	if b.More {
		return thousands(b.Value) + "+"
	}
	return thousands(b.Value)
}

// Max returns the highest number.
func (c chart) Max() (most int) {
	for _, b := range c.Bars {
		if !b.Unknown {
			most = max(most, b.Value)
		}
	}
	return most
}

// Top is the label of the highest bar.
func (c chart) Top() string { return thousands(c.Max()) }

// First and Last return the labels of the ends of the picture.
func (c chart) First() string { return c.label(0) }
func (c chart) Last() string  { return c.label(len(c.Bars) - 1) }

func (c chart) label(i int) string {
	if i < 0 || i >= len(c.Bars) {
		return ""
	}
	return c.Bars[i].Label
}

// Width returns the width of the picture.
func (c chart) Width() int { return max(1, len(c.Bars)) * barStep }

// Rects returns the bars as they are drawn. A number above 0 is seen beside any other.
func (c chart) Rects() []rect {
	most := c.Max()
	all := make([]rect, len(c.Bars))
	for i, b := range c.Bars {
		h := 0
		if !b.Unknown && b.Value > 0 {
			h = max(2, int(float64(b.Value)/float64(most)*barHeight))
		}
		all[i] = rect{b, i*barStep + (barStep-barWidth)/2, barHeight - h, h}
	}
	return all
}

// Picture is the bars, drawn.
func (c chart) Picture() component { return picture(c.Rects()) }

// Table is the bars as rows.
func (c chart) Table() component { return barTable(c.Bars) }

type picture []rect

// draw implements component.
func (p picture) draw(m *markup) {
	for _, r := range p {
		x := strconv.Itoa(r.X)
		m.fill(`<g><title>%: %</title>`, r.Label, r.Text())
		if r.Unknown {
			m.fill(`<rect class="ground unknown" x="%" y="0" width="8" height="100"/>`, x)
		} else {
			m.fill(`<rect class="ground" x="%" y="0" width="8" height="100"/>`, x)
		}
		if r.Height > 0 {
			m.fill(`<rect class="bar" x="%" y="%" width="8" height="%"/>`, x, strconv.Itoa(r.Y), strconv.Itoa(r.Height))
		}
		m.fill("</g>\n")
	}
}

type barTable []bar

// draw implements component.
func (t barTable) draw(m *markup) {
	for _, b := range t {
		m.fill(`<tr><th scope="row">`)
		if b.Href != "" {
			m.fill(`<a href="./%">%</a>`, b.Href, b.Label)
		} else {
			m.fill(`%`, b.Label)
		}
		m.fill("</th><td class=\"num\">%</td></tr>\n", b.Text())
	}
}

// Text says in a sentence what the picture shows.
func (c chart) Text() string {
	sum, unknown, more := 0, 0, ""
	peak := bar{}
	for _, b := range c.Bars {
		if b.Unknown {
			unknown++
			continue
		}
		if sum += b.Value; b.More {
			more = "+"
		}
		if b.Value > peak.Value {
			peak = b
		}
	}
	text := thousands(sum) + more + " in all"
	if len(c.Bars) > 0 {
		text += " from " + c.First() + " to " + c.Last()
	}
	if peak.Value > 0 {
		text += "; most, " + peak.Text() + ", on " + peak.Label
	}
	if unknown > 0 {
		text += "; not known for " + strconv.Itoa(unknown)
	}
	return text + "."
}
