package delivery

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/nodehooks"
)

// day is a day on which the receiver is down, and the secret is rotated.
type day struct {
	*world
	secrets [2]string
	rotated time.Time
	overlap time.Duration // in which both secrets sign
}

func newDay(t *testing.T) *day {
	t.Helper()
	d := &day{world: newWorld(t, inSQLite()), overlap: 12 * time.Hour}
	h := d.hook(t, path(0))
	d.secrets[0] = d.receiver.secrets[path(0)][0]
	d.set(func(r *receiver) { r.clock = d.now })
	d.deliver(t, nil)
	d.writes(t, 12)
	d.settle(t, h)
	d.set(func(r *receiver) { r.answer = func(int, *arrival) int { return http.StatusBadGateway } })
	resting := func(s enduser.WebhookState) bool { return s.RetryAt.After(d.now()) }
	for half := range 48 {
		d.advance(30 * time.Minute)
		if half == 24 {
			var err error
			if _, d.secrets[1], err = d.acme.Webhooks().Rotate(t.Context(), h.ID, d.overlap); err != nil {
				t.Fatal(err)
			}
			d.rotated = d.now()
			d.set(func(r *receiver) { r.secrets[path(0)] = d.secrets[:] })
		}
		d.writes(t, 12)
		d.awaitState(t, h, func() {}, resting)
	}
	d.set(func(r *receiver) { r.answer = nil })
	d.writes(t, 12)
	d.awaitState(t, h, func() { d.advance(30 * time.Minute) }, d.settled(t))
	s, err := d.acme.Webhooks().State(t.Context(), h.ID)
	if err != nil || s.DeadLetters > 0 || !s.GappedAt.IsZero() {
		t.Errorf("%+v, %v", s, err)
	}
	return d
}

// by reports by which of the two secrets an arrival must be signed.
func (d *day) by(a *arrival) [2]bool {
	return [2]bool{a.timestamp.Before(d.rotated.Add(d.overlap)), !a.timestamp.Before(d.rotated.Truncate(time.Second))}
}

// TestDay: nothing of a day on which the receiver is down is lost, and every attempt is signed
// by the secrets of its time, with its own time.
func TestDay(t *testing.T) {
	t.Parallel()
	d := newDay(t)
	arrivals := d.all()
	failed, seen := 0, make(map[[2]bool]int)
	for i := range arrivals {
		a := &arrivals[i]
		by := d.by(a)
		seen[by]++
		for j, signed := range a.signed { // one, before there is the other
			if signed != by[j] {
				t.Errorf("attempt at %v, the rotation was at %v: secret %d signed: %t", a.timestamp, d.rotated, j, signed)
			}
		}
		if !a.accepted() {
			failed++
		}
		a.signed = []bool{true}
	}
	d.ledger.read(t, d.acme)
	complain(t, d.ledger.check(arrivals, rules{hook: path(0), once: true, clock: []time.Duration{0}}))
	t.Logf("%d changes, %d attempts, %d of them failed; by both secrets: %d", len(d.ledger.changes), len(arrivals), failed, seen[[2]bool{true, true}])
	if failed < 10 || len(seen) != 3 {
		t.Errorf("%d attempts failed, signed by %v", failed, seen)
	}
}

// TestNodeDay: another implementation verifies every attempt of that day.
func TestNodeDay(t *testing.T) {
	nodehooks.Verify(t, nil) // skips early
	d := newDay(t)
	var requests []nodehooks.Request
	var good []bool
	for _, a := range d.all() {
		for i, by := range d.by(&a) {
			if d.secrets[i] != "" {
				requests = append(requests, nodehooks.Request{Header: a.header, Body: a.body, Secret: d.secrets[i], At: a.at})
				good = append(good, by)
			}
		}
	}
	if !slices.Contains(good, false) || !slices.Contains(good, true) {
		t.Error("it has to accept all, or to refuse all")
	}
	for i, wrong := range nodehooks.Verify(t, requests) {
		if (wrong == "") != good[i] {
			t.Errorf("want %t: %q at %v", good[i], wrong, requests[i].At)
		}
	}
	t.Logf("%d signatures", len(requests))
}
