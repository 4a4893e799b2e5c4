package console

import (
	"html/template"
	"strconv"
	"time"
)

// functions are what templates can call beside the methods of their data.
func functions() template.FuncMap {
	return template.FuncMap{
		"visible": visible,
		"chip":    func(state, word string) chip { return chip{state, word} },
		"banner":  func(state, text string) banner { return banner{state, text} },
		"empty":   func(title, why, next string) empty { return empty{Title: title, Why: why, Next: next} },
		"side":    sideOf,
		"figure": func(value, label, href, reason string) figure {
			return figure{value, label, href, reason}
		},
	}
}

// chip is a state in a word, never by its color alone.
type chip struct {
	State string // its color: "ok", "warn", "danger", "accent" or "" for none
	Word  string
}

// banner says what is true of the whole page.
type banner struct {
	State string // as that of a chip
	Text  string
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
	Name, Label  string
	Hint         string // what is allowed
	Error        string // what is wrong with Value
	Value        string
	Type         string   // of the input; "textarea", "select" or "checkbox"; "" for "text"
	Options      []option // of a select
	Autocomplete string   // "" for "off"
	Required     bool
	Mono         bool // the value is an identifier or JSON
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

// moment is a time on a page: relative to when the page was made, and absolute in UTC.
type moment struct {
	At  time.Time
	now time.Time
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
