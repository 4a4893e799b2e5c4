package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// delivered is an attempt as a receiver saw it.
type delivered struct {
	enduser.Delivery
	at       time.Time
	accepted bool
}

// lostAnswer is the result of an attempt that the receiver has accepted, and whose answer was
// lost.
var lostAnswer = enduser.Result{Fault: "lost"}

// receiver is a Sender that keeps what it gets. It may be used by several engines.
type receiver struct {
	// answer is the result of an attempt; nil: 200. It is called with the lock held.
	answer func(d *enduser.Delivery) enduser.Result

	// takes is how long an attempt takes; nil: no time.
	takes func(d *enduser.Delivery) time.Duration

	mu  sync.Mutex
	got []delivered
}

// set changes something that the receiver reads.
func (r *receiver) set(fn func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fn()
}

func answering(r *receiver, fn func(*enduser.Delivery) enduser.Result) {
	r.set(func() { r.answer = fn })
}

func taking(r *receiver, fn func(*enduser.Delivery) time.Duration) {
	r.set(func() { r.takes = fn })
}

func (r *receiver) Send(ctx context.Context, d *enduser.Delivery) enduser.Result {
	var takes func(*enduser.Delivery) time.Duration
	r.set(func() { takes = r.takes })
	if takes != nil {
		if wait := takes(d); wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return enduser.Result{Fault: "timeout"}
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	result := enduser.Result{Status: 200}
	if r.answer != nil {
		result = r.answer(d)
	}
	r.got = append(r.got, delivered{*d, time.Now(), result.Status/100 == 2 || result == lostAnswer})
	return result
}

// all returns what was received, and forgets it.
func (r *receiver) all() []delivered {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

// texts returns what was received as "type id", and forgets it.
func (r *receiver) texts() []string {
	var out []string
	for _, d := range r.all() {
		out = append(out, d.Event.Type+" "+d.Event.ID)
	}
	return out
}

// answer is the result of an attempt with a status.
func answer(status int) enduser.Result { return enduser.Result{Status: status} }

// deliveries are a Manager by the clock of the test's bubble, and a receiver.
type deliveries struct {
	*receiver
	store store.Store
	users *enduser.Manager
	acme  enduser.Tenant
}

func newDeliveries(st store.Store) *deliveries {
	users := enduser.New(st, &enduser.Options{NewID: counter("u"), Keyring: enduser.NewKeyring(testKey("k1"))})
	return &deliveries{receiver: new(receiver), store: st, users: users, acme: users.Tenant("acme").As("ann")}
}

// run runs Deliver until stop is called, or the test ends.
func (d *deliveries) run(t testing.TB, opts *enduser.DeliverOptions) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.users.Deliver(ctx, d, opts) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("Deliver: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// problems compares what was received with the feed: every change was delivered to the webhook
// (once, if it is to be once), nothing else was, and of each object's events, without repeats,
// revisions went up. Events in lost need not have been delivered.
func (d *deliveries) problems(t testing.TB, h enduser.Webhook, got []delivered, once bool, lost map[string]bool) []string {
	t.Helper()
	var out []string
	seen := make(map[string]int)
	last := make(map[string]int64)
	for _, a := range got {
		if !a.accepted || a.Webhook.ID != h.ID || a.Event.Type == enduser.EventPing {
			continue
		}
		if e := &a.Event; seen[a.ID] == 0 && !lost[a.ID] {
			if e.Revision <= last[e.ID] {
				out = append(out, fmt.Sprintf("%s: revision %d after %d", e.ID, e.Revision, last[e.ID]))
			}
			last[e.ID] = max(last[e.ID], e.Revision)
		}
		seen[a.ID]++
	}
	of := make(map[enduser.Position]string)
	for _, a := range got {
		of[a.Event.Position] = a.ID
	}
	for _, c := range readFeed(t, d.acme, enduser.ChangeQuery{}) {
		id := of[c.Position]
		switch n := seen[id]; {
		case n == 0 && !lost[id]:
			out = append(out, fmt.Sprintf("%s: revision %d did not arrive", c.ID, c.Revision))
		case n > 1 && once:
			out = append(out, fmt.Sprintf("%s: revision %d arrived %d times", c.ID, c.Revision, n))
		}
		delete(seen, id)
	}
	for id := range seen {
		out = append(out, id+" is no change")
	}
	return out
}

// checkAll fails the test if there are problems.
func (d *deliveries) checkAll(t testing.TB, h enduser.Webhook, got []delivered, once bool) {
	t.Helper()
	found := d.problems(t, h, got, once, nil)
	for _, p := range found[:min(len(found), 5)] {
		t.Error(p)
	}
}

// hook makes a webhook.
func (d *deliveries) hook(t testing.TB, events ...string) enduser.Webhook {
	t.Helper()
	h, _, err := d.acme.Webhooks().Create(context.Background(), enduser.WebhookSpec{URL: "https://example.com/hook", Events: events})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// user makes a user, change changes it.
func (d *deliveries) user(t testing.TB) string {
	t.Helper()
	return must(d.acme.Create(context.Background(), enduser.Spec{}))(t).ID
}

func (d *deliveries) change(t testing.TB, id string) enduser.User {
	t.Helper()
	return must(d.acme.Update(context.Background(), enduser.ByID(id), func(e *enduser.Edit) error {
		if e.Name += "x"; len(e.Name) > 200 {
			e.Name = "x"
		}
		return nil
	}))(t)
}

func (d *deliveries) state(t testing.TB, h enduser.Webhook) enduser.WebhookState {
	t.Helper()
	return must(d.acme.Webhooks().State(context.Background(), h.ID))(t)
}

// sleep lets time pass in a bubble, until everything has settled.
func sleep(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// counted is a store that counts calls.
type counted struct {
	store.Store
	mu    sync.Mutex
	calls map[string]int
}

func (c *counted) Unwrap() store.Store { return c.Store }

func (c *counted) count(call string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls == nil {
		c.calls = make(map[string]int)
	}
	c.calls[call]++
}

// take returns how often a method was called since the last time.
func (c *counted) take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.calls
	c.calls = nil
	return calls
}

func (c *counted) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	c.count("Get")
	return c.Store.Get(ctx, tenant, key)
}

func (c *counted) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	c.count("Apply")
	return c.Store.Apply(ctx, tenant, b)
}

func (c *counted) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	c.count("Changes")
	return c.Store.Changes(ctx, tenant, q)
}

func (c *counted) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	c.count("Due")
	return c.Store.Due(ctx, q)
}

func (c *counted) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	c.count("List")
	return c.Store.List(ctx, tenant, q)
}
