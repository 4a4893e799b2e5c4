package console

import (
	"html/template"
	"strings"
)

// markup is HTML in the making: of what a page has many of, such as the rows of a list. A template
// takes ten times as long, most of it for reflection.
type markup struct{ text strings.Builder }

// constant is HTML that stands in this program. A literal can be one and a string cannot, so that
// no text of anybody is taken for HTML.
type constant string

// fill appends HTML in which every "%" stands for the next of the texts, escaped: between tags, or in
// a quoted value of an attribute. An address begins with the root of the page, or with a constant.
func (m *markup) fill(form constant, texts ...string) {
	rest := string(form)
	for _, text := range texts {
		before, after, _ := strings.Cut(rest, "%")
		m.text.WriteString(before)
		m.text.WriteString(template.HTMLEscapeString(text))
		rest = after
	}
	m.text.WriteString(rest)
}

// flag appends HTML if something holds.
func (m *markup) flag(holds bool, form constant) {
	if holds {
		m.fill(form)
	}
}

// grow makes room for so many rows of a list.
func (m *markup) grow(rows int) { m.text.Grow(rows * 700) }

// component is a part of pages that markup and templates share.
type component interface{ draw(m *markup) }

// drawn returns a component for a template.
func drawn(c component) template.HTML {
	var m markup
	c.draw(&m)
	return template.HTML(m.text.String()) //nolint:gosec // fill has escaped what is not constant
}
