package delivery

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
)

// mostRecords is how many records a webhook may have, whatever was written.
const mostRecords = 100

// TestDead: whatever is written while a webhook is dead makes no more records than a few, and
// all of it arrives when it is back.
func TestDead(t *testing.T) {
	t.Parallel()
	changes := size.Pick(t, 2_000, 20_000, 1_000_000)
	w := newWorld(t, inSQLite())
	h := w.hook(t, path(0))
	w.set(func(r *receiver) {
		r.clock, r.slim = w.now, true
		r.answer = func(int, *arrival) int { return http.StatusBadGateway }
	})
	w.deliver(t, nil)
	w.writes(t, 12)
	resting := func(s enduser.WebhookState) bool { return s.RetryAt.After(w.now()) }
	const steps = 10
	var done [8][]string
	for range steps {
		var writers sync.WaitGroup
		for i := range done {
			writers.Go(func() { done[i] = append(done[i], w.churn(t, i, changes/(steps*len(done))+1)...) })
		}
		writers.Wait()
		w.advance(time.Hour)
		w.awaitState(t, h, func() {}, resting)
	}
	for _, d := range done {
		w.ledger.done = append(w.ledger.done, d...)
	}
	records, failed := w.records(t), len(w.all())
	if records > mostRecords {
		t.Errorf("%d records", records)
	}
	w.set(func(r *receiver) { r.answer = nil })
	w.awaitState(t, h, func() { w.advance(time.Minute) }, w.settled(t))
	w.ledger.read(t, w.acme)
	complain(t, w.ledger.check(w.all(), rules{hook: path(0), once: true, clock: []time.Duration{0}}))
	t.Logf("%d changes to a dead webhook: %d records, %d attempts; then all of them in %d requests",
		len(w.ledger.changes), records, failed, len(w.all())-failed)
	if len(w.ledger.changes) < changes {
		t.Errorf("%d changes were made, want %d", len(w.ledger.changes), changes)
	}
}

// churn makes a number of changes of some users, and returns what was acknowledged.
func (w *world) churn(t *testing.T, writer, changes int) (done []string) {
	for i := range changes {
		spec := enduser.Spec{ExternalID: fmt.Sprint("churn-", writer, "-", i%100), Name: fmt.Sprint("Ann ", w.written.Add(1))}
		u, _, err := w.acme.Upsert(t.Context(), spec)
		if err != nil {
			t.Error(err)
			return done
		}
		done = append(done, fmt.Sprint(u.ID, " ", u.Revision))
	}
	return done
}

// records counts the records that webhooks have.
func (w *world) records(t *testing.T) (n int) {
	t.Helper()
	for _, kind := range []string{"webhook", "webhook-turn", "webhook-log", "webhook-dead"} {
		page, err := w.place.store.List(t.Context(), "acme", store.Query{Kind: kind, Limit: store.MaxLimit})
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.Records)
	}
	return n
}

// TestPoisoned: a user whose events fail stops nobody else.
func TestPoisoned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inSQLite())
	h := w.hook(t, path(0))
	w.set(func(r *receiver) { r.clock = w.now })
	w.deliver(t, nil)
	w.writes(t, 20)
	w.settle(t, h)
	w.set(func(r *receiver) {
		poisoned := r.arrivals[7].Data.ID
		r.answer = func(_ int, a *arrival) int {
			if a.Data.ID == poisoned {
				return http.StatusInternalServerError
			}
			return http.StatusNoContent
		}
	})
	w.writes(t, 400)
	w.awaitState(t, h, func() {}, func(s enduser.WebhookState) bool {
		return s.Parked == 1 && w.settled(t)(without(s)) && s.RetryAt.IsZero()
	})
	w.ledger.read(t, w.acme)
	missing := make(map[string]bool)
	for _, wrong := range w.ledger.check(w.all(), rules{hook: path(0), once: true, clock: []time.Duration{0}}) {
		missing[wrong] = true
	}
	if len(missing) != 20 { // 400 changes of 20 users
		t.Errorf("%d events wait behind the one that failed, want 20: %v", len(missing), missing)
	}
	w.set(func(r *receiver) { r.answer = nil })
	w.awaitState(t, h, func() { w.advance(time.Minute) }, w.settled(t))
	complain(t, w.ledger.check(w.all(), rules{hook: path(0), once: true, clock: []time.Duration{0}}))
}

// without is the state of a webhook as if nobody were parked.
func without(s enduser.WebhookState) enduser.WebhookState {
	s.Parked = 0
	return s
}
