package enduser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// All returns an iterator over all users that a filter selects, oldest first. It reads a
// page at a time and holds no locks while the loop's body runs, which may call the Manager.
// For an unreadable user it yields an *[UnreadableError] and goes on. It yields any other
// error last. The user beside an error is the zero User.
func (t Tenant) All(ctx context.Context, f Filter) iter.Seq2[User, error] {
	return func(yield func(User, error) bool) {
		l, err := t.lister(Query{Filter: f})
		if err != nil {
			yield(User{}, err)
			return
		}
		if len(l.keys) > 0 {
			page, err := l.listOne(ctx, t)
			for _, u := range page.Users {
				yield(u, nil)
			}
			if err != nil {
				yield(User{}, err)
			}
			return
		}
		in := new(slab)
		each(ctx, t.m.store, l.span.name, l.query(), func(r *store.Record, u *User) (bool, error) {
			return t.decodeInto(u, r, in, t.m.millis())
		}, yield)
	}
}

// Expiring returns an iterator over the provisional users whose deadline is earlier than a
// time, in the order of their deadlines; see [Tenant.All]. Users that become permanent or are
// deleted while it runs may be in it or not.
func (t Tenant) Expiring(ctx context.Context, before time.Time) iter.Seq2[User, error] {
	return func(yield func(User, error) bool) {
		l, err := t.lister(Query{ExpiringBefore: before, Limit: pageOfIteration})
		if err == nil && before.IsZero() {
			err = invalidField(Field{Name: "before"}, CodeRequired, "must be a time")
		}
		if err != nil {
			yield(User{}, err)
			return
		}
		for {
			page, lost, err := l.listExpiring(ctx, t)
			for _, u := range page.Users {
				if !yield(u, nil) {
					return
				}
			}
			for _, err := range lost {
				if !yield(User{}, err) {
					return
				}
			}
			if err != nil {
				yield(User{}, err)
				return
			}
			if page.Next.IsZero() {
				return
			}
			l.After, l.now = page.Next, t.m.millis()
		}
	}
}

// each yields the items in the records of a query, as [Tenant.All] promises.
func each[T any](
	ctx context.Context, st store.Store, name string, q store.Query,
	decode decoder[T], yield func(T, error) bool,
) {
	var none T
	q.Limit = pageOfIteration
	for {
		page, err := st.List(ctx, name, q)
		if err != nil {
			yield(none, translate("list", err))
			return
		}
		for i := range page.Records {
			var item T
			in, err := decode(&page.Records[i], &item)
			if err != nil {
				item, in = none, true
			}
			if in && !yield(item, err) {
				return
			}
		}
		for _, id := range page.Damaged {
			if !yield(none, unreadable(q.Kind, id, ErrCorrupt)) {
				return
			}
		}
		if page.Next == 0 {
			return
		}
		q.After = page.Next
	}
}

// eachTenant calls fn with the name of each tenant in the store.
func (m *Manager) eachTenant(ctx context.Context, fn func(name string) error) error {
	for q := (store.TenantQuery{}); ; {
		page, err := m.store.Tenants(ctx, q)
		if err != nil {
			return translate("list tenants", err)
		}
		for _, name := range page.Names {
			if name == ownTenant {
				continue
			}
			if err := fn(name); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		q.After = page.Next
	}
}

// eachRecord calls fn with the records of a query of one tenant, up to atOnce at a time. It
// adds errors about single records to the failures and goes on.
func (m *Manager) eachRecord(
	ctx context.Context, name string, q store.Query, atOnce int, lost *failures, fn func(*store.Record) error,
) error {
	for q.Limit = pageOfIteration; ; {
		page, err := m.store.List(ctx, name, q)
		if err != nil {
			return translate("list", err)
		}
		for _, id := range page.Damaged {
			lost.add(unreadable(q.Kind, id, ErrCorrupt))
		}
		errs, err := together(len(page.Records), atOnce, func(i int) error { return fn(&page.Records[i]) })
		for _, err := range errs {
			lost.add(err)
		}
		if err != nil {
			return err
		}
		if page.Next == 0 {
			return nil
		}
		q.After = page.Next
	}
}

// writesAtOnce is how many records a walk writes at a time, so that they share commits and
// round trips of the store.
const writesAtOnce = 64

// together calls fn with the numbers below n in their order, up to atOnce at a time. It
// waits for the calls that it has begun, and returns the error of each. After an error that
// is not about a single record it begins no more calls, and returns that error. If one panics,
// so does together, where the caller can recover.
func together(n, atOnce int, fn func(i int) error) ([]error, error) {
	errs := make([]error, n)
	var next atomic.Int64
	var failed atomic.Bool
	var panicked atomic.Pointer[any]
	var calls sync.WaitGroup
	for range min(n, atOnce) {
		calls.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					panicked.Store(&p)
					failed.Store(true)
				}
			}()
			for !failed.Load() {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if errs[i] = fn(i); errs[i] != nil && !ofOneRecord(errs[i]) {
					failed.Store(true)
				}
			}
		})
	}
	calls.Wait()
	if p := panicked.Load(); p != nil {
		panic(*p) //nolint:forbidigo // what the store or a hook of the host raised, in the goroutine of the call
	}
	for _, err := range errs {
		if err != nil && !ofOneRecord(err) {
			return errs, err
		}
	}
	return errs, nil
}

// ofOneRecord reports whether an error is about a single record, so that a walk goes on.
func ofOneRecord(err error) bool {
	_, one := errors.AsType[*UnreadableError](err)
	return one || errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNoKey) || errors.Is(err, ErrNewer)
}

// failures are the errors about single records in a walk.
type failures struct {
	first error
	count int
}

// add counts an error about a single record, and reports whether err is one.
func (f *failures) add(err error) bool {
	if !ofOneRecord(err) {
		return false
	}
	f.first = cmp.Or(f.first, err)
	f.count++
	return true
}

// err returns the first failure, with their number.
func (f *failures) err() error {
	if f.count < 2 {
		return f.first
	}
	return fmt.Errorf("%w (%d in all)", f.first, f.count)
}
