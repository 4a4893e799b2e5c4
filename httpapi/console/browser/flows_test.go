package browser

import (
	"testing"
)

// flow is something that people do.
type flow struct {
	name string
	run  func(*testing.T, *world, agent)
}

func flows() []flow {
	return []flow{
		{"sign in", func(t *testing.T, w *world, a agent) {
			a.open("")
			sees(a, "Sign in")
			a.fill("API key", "rbk_live_wrong")
			a.press("Sign in")
			sees(a, "Sign in", "does not open the console")
			a.fill("API key", fullKey)
			a.press("Sign in")
			sees(a, "Overview")
			a.press("Sign out")
			sees(a, "Sign in")
			a.open("")
			sees(a, "Sign in")
		}},
	}
}

// Everything that people do works with every kind of agent.
func TestFlows(t *testing.T) {
	for _, kind := range agents() {
		t.Run(kind.name, func(t *testing.T) {
			for _, f := range flows() {
				t.Run(f.name, func(t *testing.T) {
					w := memoryWorld(t)
					f.run(t, w, kind.make(t, w.serve()))
					totals.flows.Add(1)
				})
			}
		})
	}
}
