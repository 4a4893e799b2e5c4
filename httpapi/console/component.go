package console

import (
	"cmp"
	"html/template"
	"strconv"
	"time"
)

// functions are what templates can call beside the methods of their data.
func functions() template.FuncMap {
	return template.FuncMap{
		"visible": visible,
		"draw":    drawn,
		"icon":    func(name string) template.HTML { return drawn(icon(name)) },
		"copy":    func(text string) template.HTML { return drawn(copied(text)) },
		"id":      func(text string) template.HTML { return drawn(identifier(text)) },
		"banner":  func(state, text string) template.HTML { return drawn(banner{state, text}) },
		"empty":   func(title, why, next string) empty { return empty{Title: title, Why: why, Next: next} },
		"side":    sideOf,
	}
}

// chip is a state in a word, never by its color alone.
type chip struct {
	State string // its color: "ok", "warn", "danger", "accent" or "" for none
	Word  string
}

// draw implements component.
func (c chip) draw(m *markup) {
	if c.State == "" {
		m.fill(`<span class="chip">%</span>`, c.Word)
	} else {
		m.fill(`<span class="chip %">%</span>`, c.State, c.Word)
	}
}

// icon draws one of the sprite.
type icon string

// draw implements component.
func (i icon) draw(m *markup) {
	m.fill(`<svg class="icon" aria-hidden="true" focusable="false"><use href="#icon-%"/></svg>`, string(i))
}

// copied is a text beside which there is a button that copies it.
type copied string

// draw implements component.
func (c copied) draw(m *markup) {
	m.fill(`<button type="button" class="copy" data-copy="%" aria-label="Copy %">`, string(c), string(c))
	icon("copy").draw(m)
	m.fill(`</button>`)
}

// identifier is a text for programs, with a button that copies it.
type identifier string

// draw implements component.
func (i identifier) draw(m *markup) {
	m.fill(`<span class="id"><bdi class="mono">%</bdi>`, string(i))
	copied(i).draw(m)
	m.fill(`</span>`)
}

// named draws a name, which leads to a page unless path is "".
func (m *markup) named(root, path, name string) {
	if path != "" {
		m.fill(`<a class="cut" href="%%" title="%"><bdi>%</bdi></a>`, root, path, name, name)
	} else {
		m.fill(`<bdi class="cut" title="%">%</bdi>`, name, name)
	}
}

// banner says what is true of the whole page.
type banner struct {
	State string // as that of a chip
	Text  string
}

// draw implements component.
func (b banner) draw(m *markup) {
	sign := icon("info")
	if b.State == "warn" || b.State == "danger" {
		sign = icon("warning")
	}
	m.fill(`<p class="banner %">`, b.State)
	sign.draw(m)
	m.fill(`<span>%</span></p>`, b.Text)
}

// empty is what stands in place of a list without entries.
type empty struct {
	Title string // what there is not
	Why   string
	Next  string // what to do about it
	Code  string // a command that does it, to be copied
}

// figure is a number of the overview.
type figure struct {
	Value  string // "–" if it is not known
	Label  string
	Href   string // the list behind it, relative to the page; "" for none
	Reason string // why Value is not known
	Bad    bool   // somebody should look
}

// pager leads to the neighbors of a page of a list.
type pager struct {
	Shown string // such as "50 shown"
	Newer string // an address relative to the page, with an encoded query; "" for none
	Older string
	Word  string // for what Older leads to; "" for "Older"
}

// field is one value of a form, with its label.
type field struct {
	Name, Label string
	Hint        string // what is allowed
	Error       string // what is wrong with Value
	Value       string
	Type        string   // of the input; "textarea" or "select"; "" for "text"
	Options     []option // of a select
	Required    bool
	Mono        bool // the value is an identifier or JSON
}

// option is one of a select, or one of which to choose.
type option struct {
	Value, Text string
	Selected    bool
}

// ID is that of the control in the page.
func (f field) ID() string { return "field-" + f.Name }

// Describedby returns the IDs of what explains the control.
func (f field) Describedby() string {
	ids := ""
	if f.Error != "" {
		ids = f.ID() + "-error"
	}
	if f.Hint != "" {
		if ids != "" {
			ids += " "
		}
		ids += f.ID() + "-hint"
	}
	return ids
}

// draw implements component.
func (f field) draw(m *markup) {
	m.fill(`<div class="field"><label for="%">%`, f.ID(), f.Label)
	m.flag(f.Required, ` <span class="muted">(required)</span>`)
	m.fill(`</label>`)
	if f.Hint != "" {
		m.fill(`<p class="hint" id="%-hint">%</p>`, f.ID(), f.Hint)
	}
	switch f.Type {
	case "select":
		m.fill(`<select`)
		f.drawAttributes(m)
		m.fill(`>`)
		for _, o := range f.Options {
			m.fill(`<option value="%"`, o.Value)
			m.flag(o.Selected, ` selected`)
			m.fill(`>%</option>`, o.Text)
		}
		m.fill(`</select>`)
	case "textarea":
		m.fill(`<textarea`)
		f.drawAttributes(m)
		m.fill(` rows="6"`)
		m.flag(f.Mono, ` class="mono"`)
		m.fill(">\n%</textarea>", f.Value)
	default:
		m.fill(`<input`)
		f.drawAttributes(m)
		m.fill(` type="%" value="%"`, cmp.Or(f.Type, "text"), f.Value)
		m.flag(f.Mono, ` class="mono"`)
		m.fill(`>`)
	}
	if f.Error != "" {
		m.fill(`<p class="error" id="%-error">`, f.ID())
		icon("warning").draw(m)
		m.fill(`%</p>`, f.Error)
	}
	m.fill(`</div>`)
}

// drawAttributes draws those that all controls have.
func (f field) drawAttributes(m *markup) {
	m.fill(` id="%" name="%" autocomplete="off"`, f.ID(), f.Name)
	m.flag(f.Required, ` required`)
	m.flag(f.Error != "", ` aria-invalid="true"`)
	if by := f.Describedby(); by != "" {
		m.fill(` aria-describedby="%"`, by)
	}
}

// moment is a time on a page: relative to when the page was made, and absolute in UTC.
type moment struct {
	At  time.Time
	now time.Time
}

// draw implements component.
func (m moment) draw(to *markup) {
	if m.At.IsZero() {
		to.fill("–")
		return
	}
	to.fill(`<time datetime="%"><span class="relative">%</span> <span class="absolute">%</span></time>`, m.Machine(), m.Words(), m.UTC())
}

// UTC returns the time to the second, "" if there is none.
func (m moment) UTC() string { return m.format("2006-01-02 15:04:05 UTC") }

// Machine returns the time for programs.
func (m moment) Machine() string { return m.format(time.RFC3339) }

func (m moment) format(layout string) string {
	if m.At.IsZero() {
		return ""
	}
	return m.At.UTC().Format(layout)
}

// Words returns how long ago the time was or how soon it will be, and its date if that is a
// month or more: "just now", "2 min ago", "in 3 h", "12 Mar 2026".
func (m moment) Words() string {
	if m.At.IsZero() {
		return "–"
	}
	d := m.now.Sub(m.At)
	before, after := "", " ago"
	if d < 0 {
		d, before, after = -d, "in ", ""
		if d > time.Hour { // what was given three hours a second ago still has three
			d = d.Round(time.Minute)
		}
	}
	n, unit := int64(d/time.Second), " s"
	switch {
	case d < time.Second:
		return "just now"
	case d >= 30*24*time.Hour:
		return m.At.UTC().Format("2 Jan 2006")
	case d >= 48*time.Hour:
		n, unit = n/(24*3600), " days"
	case d >= time.Hour:
		n, unit = n/3600, " h"
	case d >= time.Minute:
		n, unit = n/60, " min"
	}
	return before + strconv.FormatInt(n, 10) + unit + after
}
