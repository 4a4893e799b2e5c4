package sqlite

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestQueueTurns: tenants take turns, and a call for which a group has no room holds
// up its own tenant alone.
func TestQueueTurns(t *testing.T) {
	const large = 8 << 20
	for name, c := range map[string]struct {
		calls string // tenant of each; a capital letter is a large call
		want  string // groups
	}{
		"one tenant keeps its order":        {"a1 a2 a3", "a1 a2 a3"},
		"a small one beside many":           {"a1 a2 a3 b1", "a1 b1 a2 a3"},
		"a large one is alone":              {"A1", "A1"},
		"large ones, one at a time":         {"A1 A2 B1", "A1|B1|A2"},
		"small ones of others pass":         {"a1 B1 c1 c2 B2", "a1 c1 c2|B1|B2"},
		"a tenant without a turn is first":  {"a1 B1 a2 a3", "a1 a2 a3|B1"},
		"a small one waits for one group":   {"A1 A2 A3 b1 b2 A4", "A1|b1 b2|A2|A3|A4"},
		"a tenant's own order is for good":  {"a1 A2 a3", "a1|A2|a3"},
		"all of many tenants have one turn": {"a1 a2 b1 b2 c1 c2", "a1 b1 c1 a2 b2 c2"},
	} {
		q := newQueue()
		names := make(map[*call]string)
		for i, word := range strings.Fields(c.calls) {
			size := opSize
			if word[0] < 'a' {
				size = large
			}
			call := &call{size: size, done: make(chan answer, 1)}
			names[call] = word
			if ahead, ok := q.add(strings.ToLower(word[:1]), call); ahead != i || !ok {
				t.Errorf("%s: %d ahead of %s, %v", name, ahead, word, ok)
			}
		}
		var groups []string
		for q.waiting() > 0 {
			var group []string
			for _, call := range q.take() {
				group = append(group, names[call])
			}
			groups = append(groups, strings.Join(group, " "))
		}
		if got := strings.Join(groups, "|"); got != c.want {
			t.Errorf("%s: groups %s, want %s", name, got, c.want)
		}
		if len(q.tenants) > 0 || len(q.lines) > 0 {
			t.Errorf("%s: %d tenants are left", name, len(q.tenants))
		}
	}
}

// TestQueueForgets: calls whose callers have left delay no other and leave nothing.
func TestQueueForgets(t *testing.T) {
	q := newQueue()
	var calls []*call
	for i := range 2*maxGroup + 100 {
		c := &call{size: opSize, done: make(chan answer, 1)}
		calls = append(calls, c)
		q.add(fmt.Sprint("t", i%7), c)
	}
	for i, c := range calls {
		if i%2 == 0 {
			c.state.Store(left)
		}
	}
	if n := q.waiting(); n != maxGroup+50 {
		t.Errorf("%d wait, want %d", n, maxGroup+50)
	}
	for _, c := range calls[:200] {
		c.state.Store(left)
	}
	var got []*call
	for range 3 {
		got = append(got, q.take()...)
	}
	for _, c := range got {
		if i := slices.Index(calls, c); i%2 == 0 || i < 200 {
			t.Errorf("call %d, which has left, is taken", i)
		}
	}
	if len(got) != maxGroup+50-100 || q.count != 0 || len(q.tenants) > 0 {
		t.Errorf("%d calls are taken, %d are left of %d tenants", len(got), q.count, len(q.tenants))
	}
}
