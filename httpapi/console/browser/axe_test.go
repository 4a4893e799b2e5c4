package browser

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/size"
)

// axe is axe-core 4.14.1 by Deque Systems, under the Mozilla Public License 2.0: see testdata/axe-LICENSE.
//
//go:embed testdata/axe.min.js
var axe string

// found is what axe says of a page.
type found struct {
	Passes     int
	Violations []struct {
		ID    string
		Help  string
		Nodes []string
	}
}

const runAxe = `axe.run(document, {
	runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
	rules: {"target-size": {enabled: true}},
	preload: false,
	resultTypes: ["violations"], // of the others only how many there are
}).then(r => ({
	Passes: r.passes.length,
	Violations: r.violations.map(v => ({ID: v.id, Help: v.help, Nodes: v.nodes.map(n => n.html + " (" + n.failureSummary + ")")})),
}))`

// No screen breaks a rule of axe (WCAG 2.2 AA and best practices), in both themes and on both
// sizes, with nobody, one user or many, and with what is wrong or comes too late. None has to be scrolled sideways, on
// a narrow window or with text of twice the size, whatever names, identifiers and values are like.
func TestScreens(t *testing.T) {
	t.Parallel()
	for _, state := range states() {
		t.Run(state.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, backends.Memory(t))
			all := state.seed(w)
			a := newTab(t, w.serve(), tabOptions{scripts: true})
			visit(t, w, a, state.key, all, func(s screen) {
				a.axe(s.name, size.Pick(t, 1, 2, 2))
				a.layout(s.name)
			})
		})
	}
}

// axe looks at a screen in n widths of each theme.
func (t *tab) axe(screen string, n int) {
	t.tb.Helper()
	evaluate[bool](t, axe+";\ntrue")
	for i, theme := range []string{"light", "dark"} {
		for j := range n {
			width := []int64{1280, 390}[(i+j)%2]
			t.look(width, 800, theme)
			f := evaluate[found](t, runAxe)
			for _, v := range f.Violations {
				t.tb.Errorf("%s at %d px, %s: %s (%s)\n\t%s", screen, width, theme, v.ID, v.Help, strings.Join(v.Nodes, "\n\t"))
			}
			if f.Passes < 10 {
				t.tb.Errorf("%s: axe has looked at nothing: %d rules passed", screen, f.Passes)
			}
			totals.screens.Add(1)
			totals.rules.Add(int64(f.Passes + len(f.Violations)))
		}
	}
	t.look(0, 0, "")
}

// layout looks at a screen on windows of all widths, and with text of twice the size.
func (t *tab) layout(screen string) {
	t.tb.Helper()
	for _, width := range []int64{320, 390, 768, 1280} {
		t.look(width, 800, "light")
		t.fits(screen, fmt.Sprintf("at %d px", width))
	}
	for _, width := range []int64{768, 1280} {
		t.look(width, 800, "light")
		evaluate[bool](t, `document.documentElement.style.fontSize = "200%", true`)
		t.fits(screen, fmt.Sprintf("at %d px with text of twice the size", width))
		evaluate[bool](t, `document.documentElement.style.fontSize = "", true`)
	}
	t.look(0, 0, "")
}

// fits asserts that a page is not wider than the window.
func (t *tab) fits(screen, how string) {
	t.tb.Helper()
	wide := evaluate[[]string](t, `(() => {
		const root = document.documentElement;
		if (root.scrollWidth <= root.clientWidth) return [];
		const out = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > root.clientWidth + 1);
		return [root.scrollWidth + " > " + root.clientWidth, ...out.slice(-3).map(e => e.outerHTML.slice(0, 160))];
	})()`)
	if len(wide) > 0 {
		t.tb.Errorf("%s %s has to be scrolled sideways: %s", screen, how, strings.Join(wide, "\n\t"))
	}
}
