package browser

import "testing"

// agent is somebody who uses the console: with a browser, or without one. It finds controls by
// their names, as people do. Near are further texts of the row or group that the control is in.
// Each method fails the test if it cannot do what it should.
type agent interface {
	// open goes to an address, relative to the mount.
	open(path string)

	fill(label, value string, near ...string)
	choose(label string, near ...string)       // a radio button or check box
	pick(label, option string, near ...string) // of a select
	press(name string, near ...string)         // a button
	follow(name string, near ...string)        // a link

	// until waits until the page is as it should be, and returns it.
	until(what string, holds func(*page) bool) *page
}

// sees waits for a heading and texts.
func sees(a agent, heading string, words ...string) *page {
	return a.until(heading, func(p *page) bool {
		if p.heading() != heading {
			return false
		}
		for _, w := range words {
			if !p.shows(w) {
				return false
			}
		}
		return true
	})
}

// signIn signs in with a key, from any page.
func signIn(a agent, key string) {
	a.open("sign-in")
	a.fill("API key", key)
	a.press("Sign in")
	sees(a, "Overview")
}

// kind is a kind of agents.
type kind struct {
	name string
	make func(testing.TB, *site) agent
}

// agents are all kinds of agents.
func agents() []kind {
	return []kind{
		{"plain", func(tb testing.TB, s *site) agent { //nolint:thelper // makes one
			return newPlain(tb, s)
		}},
		{"without scripts", func(tb testing.TB, s *site) agent { //nolint:thelper // makes one
			return newTab(tb, s, tabOptions{})
		}},
		{"with scripts", func(tb testing.TB, s *site) agent { //nolint:thelper // makes one
			return newTab(tb, s, tabOptions{scripts: true})
		}},
		{"keyboard", func(tb testing.TB, s *site) agent { //nolint:thelper // makes one
			return newKeyboard(tb, s)
		}},
	}
}
