package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/backends"
)

// keyboard is a tab that is used without a mouse: Tab leads to every control, and each stop on the
// way can be seen.
type keyboard struct {
	*tab
	log []string // the names of all stops
}

func newKeyboard(tb testing.TB, s *site) *keyboard {
	tb.Helper()
	k := &keyboard{tab: newTab(tb, s, tabOptions{scripts: true})}
	tb.Cleanup(func() {
		tb.Logf("the focus went through: %s", strings.Join(k.log, " · "))
		totals.stops.Add(int64(len(k.log)))
	})
	return k
}

// stop is where the focus is.
type stop struct {
	Name   string
	At     bool   // at the control that was looked for
	Index  int    // among the controls of a walk; below 0: at none
	Top    bool   // nowhere, as before the first control
	Hidden string // why it cannot be seen
}

// where describes the focus. An outline shows it; it is in the window, and nothing covers it.
const where = `((wanted) => {
	const e = document.activeElement;
	if (!e || e === document.body || e === document.documentElement) return {Top: true};
	const style = getComputedStyle(e);
	const label = e.labels?.[0]?.textContent ?? e.getAttribute("aria-label") ?? e.textContent;
	const stop = {Name: label.trim().replace(/\s+/g, " ").slice(0, 60), At: e === wanted, Index: window.controls?.indexOf(e) ?? -1};
	const marked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
	const rects = [...e.getClientRects()];
	const shown = rects.some(r => {
		const points = [[r.x + r.width / 2, r.y + r.height / 2], [r.x + 2, r.y + 2], [r.right - 2, r.bottom - 2]];
		return points.some(([x, y]) => {
			const hit = document.elementFromPoint(x, y);
			return hit && (e.contains(hit) || hit.contains(e) && hit !== document.body && hit !== document.documentElement || hit.closest("label")?.control === e);
		});
	});
	if (!marked && !e.matches("[tabindex='-1']")) stop.Hidden = "no outline";
	else if (!shown) stop.Hidden = "not in the window, or covered";
	return stop;
})`

func (k *keyboard) where(path string) stop {
	k.tb.Helper()
	s := evaluate[stop](k.tab, where+"("+path+")")
	if s.Hidden != "" {
		k.tb.Errorf("at %q the focus cannot be seen at %q: %s", k.page().path, s.Name, s.Hidden)
	}
	return s
}

// tabTo presses Tab until the focus is at a control.
func (k *keyboard) tabTo(path string) {
	k.tb.Helper()
	if s := k.where(path); s.At {
		return
	}
	wraps := 0
	for range 1000 {
		k.key("Tab", 9, "")
		s := k.where(path)
		if s.Top {
			if wraps++; wraps > 2 {
				break
			}
			continue
		}
		k.log = append(k.log, s.Name)
		if s.At {
			return
		}
	}
	k.tb.Fatalf("Tab does not lead to %s", path)
}

func (k *keyboard) press(name string, near ...string) {
	k.tb.Helper()
	path := k.control(button, name, near...)
	k.tabTo(path)
	if evaluate[bool](k.tab, `(e => e.tagName === "SUMMARY" || e.type === "button")(`+path+`)`) {
		k.key("Enter", 13, "\r")
		return
	}
	k.act("the button "+name, func() { k.key("Enter", 13, "\r") })
}

func (k *keyboard) follow(name string, near ...string) {
	k.tb.Helper()
	k.tabTo(k.control(link, name, near...))
	k.act("the link "+name, func() { k.key("Enter", 13, "\r") })
}

func (k *keyboard) fill(label, value string, near ...string) {
	k.tb.Helper()
	path := k.control(field, label, near...)
	k.tabTo(path)
	k.enter(path, value)
}

func (k *keyboard) choose(label string, near ...string) {
	k.tb.Helper()
	path := k.control(choice, label, near...)
	if evaluate[string](k.tab, path+".type") == "checkbox" {
		k.tabTo(path)
		k.key(" ", 32, " ")
		return
	}
	// Tab leads to the radio button of a group that is checked, or the first; arrows to the others.
	group := fmt.Sprintf(`[...%s.form.elements].filter(e => e.type === "radio" && e.name === %s.name)`, path, path)
	k.tabTo(fmt.Sprintf(`(%s.find(e => e.checked) ?? %s[0])`, group, group))
	for range 20 {
		if evaluate[bool](k.tab, path+".checked") {
			return
		}
		k.key("ArrowDown", 40, "")
	}
	k.tb.Fatalf("arrows do not lead to %q", label)
}

func (k *keyboard) pick(label, option string, near ...string) {
	k.tb.Helper()
	path := k.control(chooser, label, near...)
	k.tabTo(path)
	k.key("Home", 36, "")
	for range 50 {
		if evaluate[string](k.tab, path+".selectedOptions[0].text.trim()") == option {
			return
		}
		k.key("ArrowDown", 40, "")
	}
	k.tb.Fatalf("arrows do not lead to %q", option)
}

// Tab reaches every control of every screen, in the order of the document, and each can be seen.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, backends.Memory(t))
	w.seed(people, w.troubles)
	k := newKeyboard(t, w.serve())
	all := append(screens(w.user(annID), w.groupOf("brightwater"), w.webhook("Warehouse")), errorScreens(w.user(annID))...)
	walk := func(s screen) {
		for _, width := range []int64{1280, 390} {
			k.look(width, 800, "light")
			k.walk(s.name)
		}
		k.look(0, 0, "")
	}
	visit(t, w, k, "", signInScreens(), walk)
	visit(t, w, k, fullKey, all, walk)
}

// walk presses Tab through the whole page.
func (k *keyboard) walk(screen string) {
	k.tb.Helper()
	all := evaluate[[]string](k.tab, `(() => {
		scrollTo(0, 0);
		const begin = document.createElement("span"); // from where the next Tab goes on
		begin.tabIndex = -1;
		document.body.prepend(begin);
		begin.focus();
		const groups = new Set();
		window.controls = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")].filter(e => {
			if (!e.checkVisibility({visibilityProperty: true}) || e.disabled || e.type === "hidden") return false;
			if (e.type !== "radio") return true;
			const of = [...e.form.elements].filter(o => o.type === "radio" && o.name === e.name);
			return of.some(o => o.checked) ? e.checked : of[0] === e;
		});
		return controls.map(e => e.outerHTML.slice(0, 120));
	})()`)
	k.key("Escape", 27, "")
	reached := make(map[int]bool)
	last := -1
	for range 3 * (len(all) + 5) {
		k.key("Tab", 9, "")
		s := k.where("null")
		if s.Top {
			if last >= 0 {
				break
			}
			continue
		}
		k.log = append(k.log, s.Name)
		i := s.Index
		if i >= 0 && i < last {
			if reached[i] {
				break
			}
			k.tb.Errorf("%s: the focus goes back from %s to %s", screen, all[last], all[i])
		}
		if i >= 0 {
			reached[i], last = true, i
		}
	}
	for i, what := range all {
		if !reached[i] {
			k.tb.Errorf("%s: Tab does not reach %s", screen, what)
		}
	}
}
