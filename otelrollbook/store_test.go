package otelrollbook_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/otelrollbook"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// TestStore: what a store reports becomes metrics, call by call.
func TestStore(t *testing.T) {
	t.Parallel()
	r := newRig(t, otelrollbook.Options{})
	before := r.Store("sqlite")
	zero := map[string]float64{"{db.system.name=sqlite}": 0}
	for _, name := range []string{"rollbook.store.unknown_outcomes", "rollbook.store.damaged", "rollbook.store.retries"} {
		if diff := cmp.Diff(zero, only(r.read(t), name)); diff != "" {
			t.Errorf("%s before anything happens: (-want +got)\n%s", name, diff)
		}
	}
	o := before
	o.Call(store.CallInfo{Method: "Get", Took: time.Millisecond, Items: 1})
	o.Call(store.CallInfo{Method: "Get", Took: time.Millisecond, Err: store.ErrNotFound})
	o.Call(store.CallInfo{Method: "List", Took: time.Millisecond, Items: 100, Damaged: 2})
	o.Call(store.CallInfo{Method: "Apply", Took: time.Millisecond, Items: 3, Queued: 7})
	o.Call(store.CallInfo{Method: "Apply", Took: time.Second, Err: fmt.Errorf("%w: %w", store.ErrUnknown, context.Canceled)})
	o.Call(store.CallInfo{Method: "Apply", Err: errors.New("the disk of acme is gone")})
	o.Group(store.GroupInfo{Calls: 2, Took: time.Millisecond})
	o.Group(store.GroupInfo{Calls: 1, Took: time.Millisecond, Err: store.ErrUnavailable})
	o.Retry(store.RetryInfo{Method: "Apply", Err: store.ErrUnavailable})
	points := r.read(t)
	const system = "db.system.name=sqlite"
	for name, want := range map[string]map[string]float64{
		"rollbook.store.call.duration": {
			"{" + system + ",rollbook.store.method=Get}":                      1,
			"{" + system + ",error.type=not_found,rollbook.store.method=Get}": 1,
			"{" + system + ",rollbook.store.method=List}":                     1,
			"{" + system + ",rollbook.store.method=Apply}":                    1,
			"{" + system + ",error.type=unknown,rollbook.store.method=Apply}": 1,
			"{" + system + ",error.type=_OTHER,rollbook.store.method=Apply}":  1,
		},
		"rollbook.store.items": {
			"{" + system + ",rollbook.store.method=Get}":   1,
			"{" + system + ",rollbook.store.method=List}":  100,
			"{" + system + ",rollbook.store.method=Apply}": 3,
		},
		"rollbook.store.queue.length":     {"{" + system + ",rollbook.store.method=Apply}": 3},
		"rollbook.store.group.size":       {"{" + system + "}": 2},
		"rollbook.store.group.duration":   {"{" + system + "}": 1, "{" + system + ",error.type=unavailable}": 1},
		"rollbook.store.retries":          {"{" + system + "}": 0, "{" + system + ",error.type=unavailable}": 1},
		"rollbook.store.unknown_outcomes": {"{" + system + "}": 1},
		"rollbook.store.damaged":          {"{" + system + "}": 2},
	} {
		if diff := cmp.Diff(want, only(points, name)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

// TestUsers: what a Manager reports becomes metrics.
func TestUsers(t *testing.T) {
	t.Parallel()
	r := newRig(t, otelrollbook.Options{})
	o := r.Users()
	for name, want := range map[string]map[string]float64{
		"rollbook.sweep.users":          {"{}": 0},
		"rollbook.webhook.dead_letters": {"{}": 0},
		"rollbook.webhook.disabled":     {"{rollbook.webhook.reason=failing}": 0, "{rollbook.webhook.reason=gone}": 0},
	} {
		if diff := cmp.Diff(want, only(r.read(t), name)); diff != "" {
			t.Errorf("%s before anything happens: (-want +got)\n%s", name, diff)
		}
	}
	o.Sweep(enduser.SweepInfo{Took: time.Second, Users: 3, Lag: time.Minute})
	o.Sweep(enduser.SweepInfo{Took: time.Second, Users: 2, Lag: 90 * time.Second, Unreadable: 1, Err: enduser.ErrCorrupt})
	o.Attempt(enduser.AttemptInfo{Number: 1, Took: time.Second, Lag: 2 * time.Second, Succeeded: true, Status: 204})
	o.Attempt(enduser.AttemptInfo{Number: 1, Took: time.Second, Succeeded: true, Status: 200}) // a ping
	o.Attempt(enduser.AttemptInfo{Number: 1, Took: time.Second, Lag: time.Hour, Redelivery: true, Succeeded: true, Status: 200})
	o.Attempt(enduser.AttemptInfo{Number: 2, Took: time.Second, Lag: time.Minute, Status: 503})
	o.Attempt(enduser.AttemptInfo{Number: 2, Took: time.Second, Lag: time.Minute, Status: 999})
	for i := range 100 { // a Sender that says too much
		o.Attempt(enduser.AttemptInfo{Number: 1, Took: time.Second, Lag: time.Minute, Fault: fmt.Sprint("fault ", i)})
	}
	o.DeadLetter(enduser.DeadLetterInfo{})
	o.Disabled(enduser.DisabledInfo{Reason: enduser.DisabledGone})
	points := r.read(t)
	for name, want := range map[string]map[string]float64{
		"rollbook.sweep.duration":       {"{}": 1, "{error.type=_OTHER}": 1},
		"rollbook.sweep.users":          {"{}": 5},
		"rollbook.sweep.lag":            {"{}": 90},
		"rollbook.sweep.unreadable":     {"{}": 1},
		"rollbook.webhook.dead_letters": {"{}": 1},
		"rollbook.webhook.disabled":     {"{rollbook.webhook.reason=failing}": 0, "{rollbook.webhook.reason=gone}": 1},
	} {
		if diff := cmp.Diff(want, only(points, name)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
	attempts, lags := only(points, "rollbook.webhook.attempt.duration"), only(points, "rollbook.webhook.lag")
	if attempts["{rollbook.webhook.result=delivered}"] != 3 || attempts["{rollbook.webhook.result=5xx}"] != 1 ||
		attempts["{rollbook.webhook.result=other}"] != 81 || len(attempts) != 23 {
		t.Errorf("attempts: %v", attempts)
	}
	if lags["{rollbook.webhook.result=delivered}"] != 1 || lags["{rollbook.webhook.result=fault 0}"] != 1 {
		t.Errorf("lags: %v", lags)
	}
}

// TestWhole: a registry with everything observed reports what was done, in the store too.
func TestWhole(t *testing.T) {
	t.Parallel()
	r := newRig(t, otelrollbook.Options{})
	st := memory.New(&memory.Options{Observer: r.Store("memory")})
	users := enduser.New(st, &enduser.Options{Observer: r.Users()})
	before := r.read(t)
	for i := range 5 {
		if _, err := users.Tenant("acme").Create(t.Context(), enduser.Spec{ExternalID: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := users.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := r.read(t)
	for point, want := range map[string]float64{
		"rollbook.store.call.duration{db.system.name=memory,rollbook.store.method=Apply}": 5,
		"rollbook.store.items{db.system.name=memory,rollbook.store.method=Apply}":         5,
		"rollbook.store.call.duration{db.system.name=memory,rollbook.store.method=Due}":   1,
		"rollbook.sweep.duration{}": 1,
	} {
		if got := after[point] - before[point]; got != want {
			t.Errorf("%s: %v, want %v", point, got, want)
		}
	}
}
