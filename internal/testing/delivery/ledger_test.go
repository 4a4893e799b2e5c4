package delivery

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// ledger is what must come of what was written: the feed is what was committed.
type ledger struct {
	changes []enduser.Change          // the feed
	places  map[string]enduser.Change // by cursor
	done    []string                  // "ID REVISION" that were acknowledged
	undone  []string                  // IDs of users in transactions that were rolled back
}

// read reads the feed.
func (l *ledger) read(t *testing.T, acme enduser.Tenant) {
	t.Helper()
	l.places, l.changes = make(map[string]enduser.Change), nil
	q := enduser.ChangeQuery{Limit: 1000}
	for more := true; more; {
		page, err := acme.Changes(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		l.changes = append(l.changes, page.Changes...)
		q.After, more = page.Position, page.More
	}
	for _, c := range l.changes {
		l.places[c.Position.String()] = c
	}
}

// rules are what arrivals are checked against.
type rules struct {
	hook string // the webhook
	once bool   // nothing may repeat

	// clock is how far the sender's clock may have been ahead of the receiver's.
	clock []time.Duration
}

// tooFar is how far a timestamp may be from the arrival: an attempt takes 15 s.
const tooFar = time.Minute

// check returns what is wrong with what one webhook was sent, when nothing is on its way any more.
func (l *ledger) check(arrivals []arrival, r rules) (wrong []string) {
	fault := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	ids := make(map[string]string)     // by cursor
	cursors := make(map[string]string) // by id
	accepted := make(map[string]int)   // by cursor
	last := make(map[string]int64)     // by user: the revision of the latest event that was accepted first
	sent := make(map[string]bool)      // IDs of users
	for i := range arrivals {
		a := &arrivals[i]
		if a.hook != r.hook {
			continue
		}
		at := fmt.Sprintf("%s of %s, revision %d", a.Type, a.Data.ID, a.Data.Revision)
		c, committed := l.places[a.Data.Cursor]
		if !committed || c.ID != a.Data.ID || c.Revision != a.Data.Revision || a.Type != "end_user."+string(c.Type) {
			fault("not committed: %s", at)
		}
		if len(a.signed) == 0 || slices.Contains(a.signed, false) {
			fault("signature: %s", at)
		}
		if !slices.ContainsFunc(r.clock, func(d time.Duration) bool { return a.timestamp.Sub(a.at.Add(d)).Abs() < tooFar }) {
			fault("time: %s: %v, it came at %v", at, a.timestamp, a.at)
		}
		if id := ids[a.Data.Cursor]; id != "" && id != a.id || a.id == "" {
			fault("another id: %s", at)
		}
		if cursor := cursors[a.id]; cursor != "" && cursor != a.Data.Cursor {
			fault("one id of two events: %s", at)
		}
		ids[a.Data.Cursor], cursors[a.id], sent[a.Data.ID] = a.id, a.Data.Cursor, true
		if !a.accepted() {
			continue
		}
		if accepted[a.Data.Cursor]++; accepted[a.Data.Cursor] > 1 {
			if r.once {
				fault("repeated: %s", at)
			}
			continue
		}
		if last[a.Data.ID] >= a.Data.Revision {
			fault("order: %s after %d", at, last[a.Data.ID])
		}
		last[a.Data.ID] = a.Data.Revision
	}
	of := make(map[string]bool)
	for _, c := range l.changes {
		of[fmt.Sprint(c.ID, " ", c.Revision)] = true
		if accepted[c.Position.String()] == 0 {
			fault("lost: %s of %s, revision %d", c.Type, c.ID, c.Revision)
		}
	}
	for _, done := range l.done {
		if !of[done] {
			fault("acknowledged and not committed: %s", done)
		}
	}
	for _, undone := range l.undone {
		if sent[undone] {
			fault("rolled back and sent: %s", undone)
		}
	}
	return wrong
}

// complain fails the test with the first of what is wrong.
func complain(t *testing.T, wrong []string) {
	t.Helper()
	for _, w := range wrong[:min(len(wrong), 10)] {
		t.Error(w)
	}
	if len(wrong) > 10 {
		t.Errorf("and %d more", len(wrong)-10)
	}
}
