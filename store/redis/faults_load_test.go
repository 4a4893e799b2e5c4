package redis_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// workload writes through Managers and records their answers, to compare them with the data
// in the end.
type workload struct {
	managers []*enduser.Manager // one for each program that uses the store
	tenants  []string
	ctx      context.Context
	stop     context.CancelFunc
	wg       sync.WaitGroup
	shared   []atomic.Int64 // of each tenant: calls about users that several workers want

	acked, unknown, unavailable atomic.Int64
	fault                       atomic.Pointer[fault] // the last

	mu     sync.Mutex
	told   map[name]map[string]string // of users that are never deleted: ID -> by which answer
	owned  map[name]*owned
	groups map[name]string // ID
	odd    []string        // answers that nobody may get
	failed []string        // some of the calls that failed
}

// name is an external ID, or the external ID of a group, of a tenant.
type name struct{ tenant, id string }

// owned is what one worker knows of a user that only it writes.
type owned struct {
	id      string
	name    int  // the last that was acknowledged
	deleted bool // acknowledged
	maybe   bool // a deletion has an unknown outcome
}

func startLoad(ctx context.Context, managers []*enduser.Manager, tenants []string, workers int) *workload {
	l := &workload{
		managers: managers, tenants: tenants, shared: make([]atomic.Int64, len(tenants)),
		told: make(map[name]map[string]string), owned: make(map[name]*owned), groups: make(map[name]string),
	}
	l.ctx, l.stop = context.WithCancel(ctx)
	for w := range workers {
		l.wg.Go(func() { (&worker{workload: l, number: w, tenant: w % len(tenants)}).run() })
	}
	return l
}

func (l *workload) end() {
	l.stop()
	l.wg.Wait()
}

// worker makes one call after the other, in one tenant.
type worker struct {
	*workload
	number, tenant int
	calls          int
	mine           []name // users that only it writes
}

func (w *worker) run() {
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for w.ctx.Err() == nil {
		w.calls++
		w.step()
		<-pause.C
	}
}

func (w *worker) name(kind string) name {
	return name{w.tenants[w.tenant], kind + "-" + strconv.Itoa(w.number) + "-" + strconv.Itoa(w.calls)}
}

func (w *worker) handle() enduser.Tenant {
	return w.managers[w.number%len(w.managers)].Tenant(w.tenants[w.tenant])
}

func (w *worker) step() {
	// No call is given up: the test is about its answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), patience)
	defer cancel()
	switch kind := rand.IntN(10); {
	case kind < 2:
		w.create(ctx)
	case kind < 6:
		w.contend(ctx)
	case kind < 8 && len(w.mine) > 0:
		w.update(ctx)
	case kind < 9 && len(w.mine) > 3:
		w.remove(ctx)
	default:
		w.group(ctx)
	}
}

// done counts an answer and reports whether the call succeeded. Also are further errors that
// the call may return.
func (w *worker) done(what string, err error, also ...error) bool {
	switch {
	case err == nil:
		w.acked.Add(1)
		w.fault.Load().answered(w)
		return true
	case errors.Is(err, store.ErrUnknown):
		w.unknown.Add(1)
		w.record(&w.failed, "%s: %v", what, err)
	case errors.Is(err, store.ErrUnavailable):
		w.unavailable.Add(1)
		w.record(&w.failed, "%s: %v", what, err)
	case !slices.ContainsFunc(also, func(a error) bool { return errors.Is(err, a) }):
		w.record(&w.odd, "%s: %v", what, err)
	}
	return false
}

func (l *workload) record(list *[]string, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(*list) < 20 {
		*list = append(*list, fmt.Sprintf(format, args...))
	}
}

func (l *workload) tell(n name, id, how string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told[n] == nil {
		l.told[n] = make(map[string]string)
	}
	l.told[n][id] = how + " at " + time.Now().Format("05.000")
}

func (w *worker) create(ctx context.Context) {
	n := w.name("own")
	u, err := w.handle().Create(ctx, enduser.Spec{ExternalID: n.id, Name: "0"})
	if w.done("a create of a new external ID", err) {
		w.mu.Lock()
		w.owned[n] = &owned{id: u.ID}
		w.mu.Unlock()
		w.mine = append(w.mine, n)
	}
}

// contend writes a user that other workers write at the same time.
func (w *worker) contend(ctx context.Context) {
	n := name{w.tenants[w.tenant], "shared-" + strconv.FormatInt(w.shared[w.tenant].Add(1)/4, 10)}
	spec := enduser.Spec{ExternalID: n.id}
	switch w.calls % 3 {
	case 0:
		u, err := w.handle().Create(ctx, spec)
		if w.done("create", err, enduser.ErrConflict) {
			w.tell(n, u.ID, "create")
		}
		var conflict *enduser.ConflictError
		if errors.As(err, &conflict) {
			w.tell(n, conflict.HolderID, "conflict")
		}
	case 1:
		u, outcome, err := w.handle().Ensure(ctx, spec)
		if w.done("ensure", err) {
			w.tell(n, u.ID, fmt.Sprintf("ensure: outcome %d", outcome))
		}
	case 2:
		spec.Name = strconv.Itoa(w.calls % 2)
		u, outcome, err := w.handle().Upsert(ctx, spec)
		if w.done("upsert", err) {
			w.tell(n, u.ID, fmt.Sprintf("upsert: outcome %d", outcome))
		}
	}
}

// pick returns a user of the worker's and what is known of it.
func (w *worker) pick() (int, name, *owned) {
	i := rand.IntN(len(w.mine))
	w.mu.Lock()
	defer w.mu.Unlock()
	return i, w.mine[i], w.owned[w.mine[i]]
}

func (w *worker) update(ctx context.Context) {
	_, n, o := w.pick()
	_, err := w.handle().Update(ctx, enduser.ByExternalID(n.id), func(e *enduser.Edit) error {
		e.Name = strconv.Itoa(w.calls)
		return nil
	})
	if w.done("an update of a user that is there", err) {
		o.name = w.calls
	}
}

func (w *worker) remove(ctx context.Context) {
	i, n, o := w.pick()
	w.mine = slices.Delete(w.mine, i, i+1)
	err := w.handle().Delete(ctx, enduser.ByExternalID(n.id))
	o.deleted = w.done("a delete of a user that is there", err)
	o.maybe = errors.Is(err, store.ErrUnknown)
}

func (w *worker) group(ctx context.Context) {
	n := w.name("group")
	g, _, err := w.handle().Groups().Create(ctx, enduser.GroupSpec{ExternalID: n.id})
	if w.done("a create of a new group", err) {
		w.mu.Lock()
		w.groups[n] = g.ID
		w.mu.Unlock()
	}
}

// verify compares the answers with what a Manager reads. The load has ended.
func (l *workload) verify(t *testing.T, users *enduser.Manager) {
	t.Helper()
	var lost, twice int
	var mu sync.Mutex
	report := func(count *int, format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		if *count++; *count <= 20 {
			t.Errorf(format, args...)
		}
	}
	for _, odd := range l.odd {
		t.Error(odd)
	}
	var checks []func()
	for n, ids := range l.told {
		checks = append(checks, func() {
			if len(ids) > 1 {
				report(&twice, "%s of %s was told with %d IDs: %v", n.id, n.tenant, len(ids), ids)
			}
			u, err := users.Tenant(n.tenant).Get(t.Context(), enduser.ByExternalID(n.id))
			if ids[u.ID] == "" {
				report(&lost, "%s of %s was told as %v, and now is %q, %v", n.id, n.tenant, ids, u.ID, err)
			}
		})
	}
	for n, o := range l.owned {
		checks = append(checks, func() {
			u, err := users.Tenant(n.tenant).Get(t.Context(), enduser.ByExternalID(n.id))
			number, _ := strconv.Atoi(u.Name)
			gone := errors.Is(err, enduser.ErrNotFound)
			switch {
			case gone && (o.deleted || o.maybe):
			case o.deleted:
				report(&lost, "the deletion of %s of %s is lost: %v", n.id, n.tenant, err)
			case err != nil:
				report(&lost, "%s of %s is lost: %v", n.id, n.tenant, err)
			case u.ID != o.id:
				report(&twice, "%s of %s was told as %s and is %s", n.id, n.tenant, o.id, u.ID)
			case number < o.name:
				report(&lost, "update %d of %s of %s is lost: it is at %d", o.name, n.id, n.tenant, number)
			}
		})
	}
	for n, id := range l.groups {
		checks = append(checks, func() {
			g, err := users.Tenant(n.tenant).Groups().Get(t.Context(), enduser.GroupByExternalID(n.id))
			if g.ID != id {
				report(&lost, "%s of %s was told as %s, and now is %q, %v", n.id, n.tenant, id, g.ID, err)
			}
		})
	}
	work := make(chan func())
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for check := range work {
				check()
			}
		})
	}
	for _, check := range checks {
		work <- check
	}
	close(work)
	wg.Wait()
	t.Logf("%d writes acknowledged, %d unknown, %d unavailable; %d lost, %d told twice",
		l.acked.Load(), l.unknown.Load(), l.unavailable.Load(), lost, twice)
}
