package browser

import "testing"

// keyboard is a tab that is used without a mouse.
type keyboard struct{ *tab }

func newKeyboard(tb testing.TB, s *site) *keyboard {
	tb.Helper()
	return &keyboard{newTab(tb, s, tabOptions{scripts: true})}
}
