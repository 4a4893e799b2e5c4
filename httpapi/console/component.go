package console

import (
	"html/template"
	"time"
)

// functions are what templates can call beside the methods of their data.
func functions() template.FuncMap {
	return template.FuncMap{
		"chip": func(state, word string) chip { return chip{state, word} },
		"figure": func(value, label, href, reason string) figure {
			return figure{value, label, href, reason}
		},
	}
}

// chip is a state in a word, never by its colour alone.
type chip struct {
	State string // its colour: "ok", "warn", "danger", "accent" or "" for none
	Word  string
}

// figure is a number of the overview.
type figure struct {
	Value  string // "–" if it is not known
	Label  string
	Href   string // the list behind it, relative to the root; "" for none
	Reason string // why Value is not known
}

// moment is a time on a page: relative to when the page was made, and absolute in UTC.
type moment struct {
	At  time.Time
	now time.Time
}
