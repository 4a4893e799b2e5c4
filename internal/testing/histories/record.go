package histories

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/rollbook-go/rollbook/store"
)

const (
	recordKind = "user"
	uniqueKind = "email"
	indexKind  = "written"

	// forever is the return of a write whose outcome is unknown: it may take effect at
	// any later time.
	forever = math.MaxInt64
)

var (
	idNames  = [ids]string{"id-0", "id-1", "id-2", "id-3", "id-4"}
	keyNames = [keys]string{"ann@example.org", "ben@example.org", "cat@example.org", "dan@example.org", "eve@example.org"}
)

// recorder makes one history.
type recorder struct {
	handles [2]store.Store
	seed    uint64
	options Options
	tenant  string

	// clock orders calls and returns. Counting is finer than any clock and
	// never goes back.
	clock atomic.Int64

	mu      sync.Mutex
	history history
}

func newRecorder(handles [2]store.Store, seed uint64, o Options) *recorder {
	// The time makes the tenant a new one if a seed is repeated on one place.
	tenant := fmt.Sprintf("history-%d-%d", seed, time.Now().UnixNano())
	return &recorder{handles: handles, seed: seed, options: o, tenant: tenant}
}

func (r *recorder) run(ctx context.Context) error {
	start := make(chan struct{})
	errs := make([]error, r.options.Clients)
	var clients sync.WaitGroup
	for i := range errs {
		clients.Go(func() {
			c := newClient(r, i)
			<-start
			errs[i] = c.run(ctx)
		})
	}
	close(start)
	clients.Wait()
	return errors.Join(errs...)
}

// finish reads the whole feed and resolves the unknown writes by it.
func (r *recorder) finish(ctx context.Context) (*history, error) {
	wrote := make(map[string]store.Revision)
	for after := store.Revision(0); ; {
		page, err := r.page(ctx, after)
		if err != nil {
			return nil, fmt.Errorf("reading the feed: %w", err)
		}
		for _, c := range page.feed {
			wrote[c.note] = c.revision
		}
		if after = page.next; after == 0 {
			break
		}
	}
	h := &r.history
	h.ops = slices.DeleteFunc(h.ops, func(o porcupine.Operation) bool {
		return o.Output.(output).outcome == unknown && wrote[lastNote(o)] == 0
	})
	for i, o := range h.ops {
		if o.Output.(output).outcome == unknown {
			h.ops[i].Output = output{answer: answer{outcome: done, revision: wrote[lastNote(o)]}}
		}
	}
	return h, nil
}

// page reads a page of the feed when the clients are done. With Faults it retries for as
// long as checking may take.
func (r *recorder) page(ctx context.Context, after store.Revision) (output, error) {
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	reader := newClient(r, r.options.Clients)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		out, err := reader.timed(input{method: changes, after: after, limit: store.MaxLimit}, func() (output, error) {
			got, err := r.handles[0].Changes(ctx, r.tenant, store.ChangeQuery{After: after, Limit: store.MaxLimit})
			return pageOf(got, err)
		})
		if err == nil || !r.options.Faults || !errors.Is(err, store.ErrUnavailable) {
			return out, err
		}
		select {
		case <-ctx.Done():
			return output{}, err
		case <-again.C:
		}
	}
}

func lastNote(o porcupine.Operation) string {
	ops := o.Input.(input).ops
	return ops[len(ops)-1].note
}

// timed makes a call and, if it has no error, puts it into the history.
func (c *client) timed(in input, do func() (output, error)) (output, error) {
	called := c.clock.Add(1)
	out, err := do()
	returned := c.clock.Add(1)
	if out.outcome == unknown {
		returned = forever
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.history.count[out.outcome]++
	if err == nil {
		c.history.ops = append(c.history.ops, porcupine.Operation{
			ClientId: c.number, Input: in, Output: out, Call: called, Return: returned,
		})
	}
	return out, err
}

// call makes a read.
func (c *client) call(ctx context.Context, in input) {
	c.limited(ctx, in, func(ctx context.Context, s store.Store) (output, error) {
		if in.method == changes {
			got, err := s.Changes(ctx, c.tenant, store.ChangeQuery{After: in.after, Limit: in.limit})
			if n := len(got.Changes); n > 0 {
				c.read = got.Changes[n-1].Seq
			}
			c.read = max(c.read, got.Next)
			return pageOf(got, err)
		}
		key := store.Key{Kind: uniqueKind, Value: keyNames[in.key]}
		if in.id >= 0 {
			key = store.ID(idNames[in.id])
		}
		got, err := s.Get(ctx, c.tenant, key)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return output{answer: answer{outcome: notFound}}, nil
		case err != nil:
			return output{answer: answer{outcome: failed}}, err
		}
		c.learn(got)
		return output{answer: answer{outcome: found, id: numberOf(got.ID), doc: docOf(got)}}, nil
	})
}

// callApply makes a write.
func (c *client) callApply(ctx context.Context, in input, b store.Batch) output {
	return c.limited(ctx, in, func(ctx context.Context, s store.Store) (output, error) {
		revision, err := s.Apply(ctx, c.tenant, b)
		var staleErr *store.StaleError
		var takenErr *store.TakenError
		switch {
		case err == nil:
			return output{answer: answer{outcome: done, revision: revision}}, nil
		case errors.As(err, &staleErr):
			return output{answer: answer{outcome: stale, op: staleErr.Op, require: staleErr.Require}}, nil
		case errors.As(err, &takenErr):
			holder := takenErr.Holder
			c.learn(holder)
			return output{answer: answer{
				outcome: taken, op: takenErr.Op, require: takenErr.Require, key: keyNumber(takenErr.Key), id: numberOf(holder.ID), doc: docOf(holder),
			}}, nil
		case errors.Is(err, store.ErrUnknown):
			if ctx.Err() == nil && !c.options.Faults {
				c.err = fmt.Errorf("%v: %w", in, err)
			}
			return output{answer: answer{outcome: unknown}}, nil
		default:
			return output{answer: answer{outcome: failed}}, err
		}
	})
}

// limited makes a call through either handle. The context of one in ten ends
// before or during the call.
func (c *client) limited(ctx context.Context, in input, do func(context.Context, store.Store) (output, error)) output {
	c.left--
	s := c.handles[c.random.IntN(len(c.handles))]
	if c.random.IntN(10) == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		if c.random.IntN(4) == 0 {
			cancel()
		} else {
			timer := time.AfterFunc(time.Duration(c.random.Int64N(int64(2*c.typical))), cancel)
			defer timer.Stop()
		}
	}
	begin := time.Now()
	out, err := c.timed(in, func() (output, error) { return do(ctx, s) })
	c.typical = max(time.Microsecond, (7*c.typical+time.Since(begin))/8)
	switch {
	case err == nil:
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
	case c.options.Faults && errors.Is(err, store.ErrUnavailable):
	default:
		c.err = fmt.Errorf("%v: %w", in, err)
	}
	return out
}

// record is the record that an op writes. It follows from the model's doc, so that the
// model need not keep it.
func (o op) record() store.Record {
	r := store.Record{ID: idNames[o.id], Kind: recordKind, Data: []byte(o.data)}
	for _, digit := range []byte(o.unique) {
		r.Unique = append(r.Unique, store.Key{Kind: uniqueKind, Value: keyNames[digit-'0']})
	}
	r.Index = []store.Key{{Kind: indexKind, Value: o.data}}
	r.Due = store.FromMillis(1 + int64(len(o.data)))
	return r
}

// docOf is the inverse of op.record. A record that no op wrote becomes a doc
// that no state has.
func docOf(r store.Record) doc {
	d := doc{created: r.Created, revision: r.Revision, unique: digitsOf(r.Unique), data: string(r.Data)}
	index := []store.Key{{Kind: indexKind, Value: d.data}}
	if r.Kind != recordKind || !slices.Equal(r.Index, index) || store.Millis(r.Due) != 1+int64(len(r.Data)) {
		d.data = fmt.Sprintf("not as written: %+v", r)
	}
	return d
}

func digitsOf(unique []store.Key) string {
	var digits string
	for _, key := range unique {
		digits += strconv.Itoa(keyNumber(key))
	}
	return digits
}

func keyNumber(key store.Key) int {
	if key.Kind != uniqueKind {
		return -1
	}
	return slices.Index(keyNames[:], key.Value)
}

func numberOf(id string) int { return slices.Index(idNames[:], id) }

// pageOf is the answer of Changes.
func pageOf(got store.ChangePage, err error) (output, error) {
	if err != nil {
		return output{answer: answer{outcome: failed}}, err
	}
	out := output{answer: answer{outcome: listed}, next: got.Next}
	for _, c := range got.Changes {
		id := numberOf(c.ID)
		if c.Kind != recordKind || c.Seq != c.Revision {
			id = -1
		}
		out.feed = append(out.feed, change{c.Revision, c.Type, id, string(c.Note)})
	}
	return out, nil
}
