package console

import "cmp"

// section is an entry of the navigation.
type section struct {
	Path string // relative to the root; "" for the overview
	Word string
	Key  string // behind "g", it goes there

	action string // whose right it takes; "" for none
}

func sections() []section {
	return []section{
		{"", "Overview", "o", ""},
		{"users", "Users", "u", "listEndUsers"},
		{"groups", "Groups", "g", "listGroups"},
		{"webhooks", "Webhooks", "w", "listWebhooks"},
		{"feed", "Feed", "f", "listChanges"},
	}
}

// navigation leads to the sections.
type navigation struct{ *page }

// draw implements component.
func (n navigation) draw(m *markup) {
	for _, s := range n.Who.Sections {
		m.fill(`<li><a data-place="%" href="%%"`, s.Path, n.Root, s.Path)
		m.flag(s.Path == n.Section, ` aria-current="page"`)
		m.fill(`>`)
		icon(cmp.Or(s.Path, "overview")).draw(m)
		m.fill("%</a></li>\n", s.Word)
	}
}

// shortcuts are the keys of the sections.
type shortcuts []section

// draw implements component.
func (all shortcuts) draw(m *markup) {
	for _, s := range all {
		m.fill("<div><dt><kbd>g</kbd> <kbd>%</kbd></dt><dd>%</dd></div>\n", s.Key, s.Word)
	}
}
