package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

func inChecks() []check {
	return []check{
		{"in/commit", 7, "calls see what their transaction has written, and no handle does before the commit; then all do", inCommit},
		{"in/rollback", 1, "nothing of a transaction that was rolled back is left", inRollback},
		{"in/revision", 3, "a revision of a transaction that was rolled back is given again", inRevision},
		{"in/refused", 1, "a refusal leaves the transaction as it was", inRefused},
		{"in/feed", 5, "a reader that follows across commits and rollbacks sees every committed entry exactly once, in order", inFeed},
		{"in/trim", 5, "a trim inside is seen outside after the commit, and never after a rollback", inTrim},
		{"in/context", 11, "a call whose context has ended does nothing, and the transaction goes on", inContext},
		{"in/canceled", 10, "a call whose context ends was done, or not, or is ErrAborted, and then only a rollback is left; ErrUnknown does not occur", inCanceled},
		{"in/trim-canceled", 10, "a trim whose context ends is done, or nothing of it is, or it is ErrAborted", inTrimCanceled},
		{"in/over", 11, "calls after the commit or the rollback are ErrAborted and do nothing", inOver},
		{"in/wait", 7, "store.Wait returns ErrInTransaction at once", inWait},
		{"in/optional", 7, "the store is a Joined, and has no optional interface but Counter", inOptional},
	}
}

func inCommit(s *subject) {
	out := s.tenant("t")
	first := out.create1(full("a")) // what was committed before is seen inside
	rev := first.Revision
	for i := range 6 {
		tx := s.newTransaction()
		in, fresh := tx.tenant("t"), tx.tenant(fmt.Sprint("fresh ", i))
		in.exactly(first)
		note := []byte(fmt.Sprint("note ", i))
		b := full("b")
		b.Created = in.apply(store.Create(b, note))
		b.Revision = b.Created
		next := in.replace(first, withData(full("a"), fmt.Sprint("data ", i)))
		c := fresh.create1(full("c"))
		entry := store.Change{Revision: rev + 1, Type: store.Created, Kind: "user", ID: "b", Note: note}
		in.exactly(next, b)
		in.feed(rev, entry)
		in.counts(store.CountQuery{Kind: "user"}, 2)
		fresh.exactly(c)

		for _, out := range []*client{out, out.other()} {
			out.has(first)
			out.absent(store.ID("b"), b.Unique[0])
			out.lists(store.Query{Kind: "user"}, first)
			out.lists(store.Query{Kind: "user", Match: b.Index[1:2]})
			out.feed(rev)
			out.counts(store.CountQuery{Kind: "user"}, 1)
			out.dueAre(first)
			if names := out.tenants(10); len(names) != i+1 && !s.failed() {
				s.fail("%d tenants are seen before the commit, want %d", len(names), i+1)
			}
		}
		tx.commit()
		for _, out := range []*client{out, out.other()} {
			out.has(next, b)
			out.lists(store.Query{Kind: "user"}, next, b)
			out.feed(rev, entry)
			made := *out
			made.name = fresh.name
			made.has(c)
		}
		out.delete(b)
		c1 := *out
		c1.name = fresh.name
		c1.delete(c) // nothing of it is due
		first, rev = next, b.Revision+2
	}
}

func inRollback(s *subject) {
	out := s.tenant("t")
	a := out.create1(full("a"))
	for i := range 6 {
		tx := s.newTransaction()
		in := tx.tenant("t")
		in.apply(store.Create(full("b"), []byte("lost")))
		switch i % 3 {
		case 0:
			in.replace(a, withDue(withKeys(plain("a"), "other"), day(2)))
		case 1:
			in.delete(a)
		}
		tx.tenant("fresh").create1(full("c"))
		tx.rollback()
		for _, out := range []*client{out, out.other()} {
			out.exactly(a)
			out.absent(store.ID("b"), full("b").Unique[0], key("other"))
			out.lists(store.Query{Kind: "user", Match: full("b").Index[1:2]})
			out.feed(0)
			out.counts(store.CountQuery{Kind: "user"}, 1)
			if names := out.tenants(10); len(names) != 1 && !s.failed() {
				s.fail("Tenants: %q, want one", names)
			}
		}
	}
	out.create1(full("b")) // its keys are free
	out.next(3)
}

func inRevision(s *subject) {
	out := s.tenant("t")
	rev := out.create1(plain("a")).Revision
	for i := range 8 {
		tx := s.newTransaction()
		got := tx.tenant("t").create1(plain(fmt.Sprint("r", i))).Revision
		if got != rev+1 && !s.failed() {
			s.fail("revision %d after %d", got, rev)
		}
		if i%2 == 0 {
			tx.rollback()
			continue
		}
		tx.commit()
		rev = got
	}
	out.next(rev + 1)
}

func inRefused(s *subject) {
	out := s.tenant("t")
	a := out.create1(full("a"))
	tx := s.newTransaction()
	in := tx.tenant("t")
	b := in.create1(full("b"))
	in.stale(0, store.Create(plain("a"), nil))
	in.taken(0, a.Unique[0], a, store.Create(withData(store.Record{ID: "x", Kind: "user", Unique: a.Unique[:1]}, "x"), []byte("x")))
	in.taken(1, b.Unique[0], b, store.Create(plain("y"), nil), store.Create(store.Record{ID: "x", Kind: "user", Unique: b.Unique[:1]}, nil))
	in.refused(store.ErrInvalid)
	in.absent(store.ID("x"), store.ID("y"))
	in.trim(0)
	in.exactly(a, b)
	c := in.create1(full("c"))
	tx.commit()
	out.exactly(a, b, c)
	out.next(4)
}

func inFeed(s *subject) {
	out := s.tenant("t")
	var want, got []store.Change
	last := store.Revision(0)
	look := func() {
		more := out.handle(len(got)).changes(store.ChangeQuery{After: last})
		if got = append(got, more...); len(more) > 0 {
			last = more[len(more)-1].Seq
		}
		s.same(diffChanges(got, want), "the feed")
	}
	for i := range 24 {
		tx := s.newTransaction()
		in := tx.tenant("t")
		var made []store.Change
		for j := range 1 + i%3 {
			id := fmt.Sprintf("%d-%d", i, j)
			rev := in.apply(store.Create(plain(id), []byte("note of "+id)))
			made = append(made, store.Change{Seq: rev, Revision: rev, Type: store.Created, Kind: "user", ID: id, Note: []byte("note of " + id)})
			look()
		}
		if i%3 == 1 {
			tx.rollback()
		} else {
			tx.commit()
			want = append(want, made...)
		}
		look()
		if i%4 == 0 {
			rev := out.apply(store.Create(plain(fmt.Sprint("outside ", i)), []byte("o")))
			want = append(want, store.Change{Seq: rev, Revision: rev, Type: store.Created, Kind: "user", ID: fmt.Sprint("outside ", i), Note: []byte("o")})
		}
	}
	look()
}

func inTrim(s *subject) {
	out := s.tenant("t")
	all := noted(out, 6)
	tx := s.newTransaction()
	tx.tenant("t").trim(4)
	tx.tenant("t").trimmed(1, 3)
	out.feed(0, all...)
	tx.rollback()
	out.feed(0, all...)
	tx = s.newTransaction()
	tx.tenant("t").trim(4)
	out.feed(0, all...)
	tx.commit()
	out.trimmed(1, 3)
	out.feed(3, all[3:]...)
}

func inContext(s *subject) {
	ended, cancel := context.WithCancel(s.ctx)
	cancel()
	tx := s.newTransaction()
	in := tx.tenant("t")
	a := in.create1(full("a"))
	for call, err := range inCalls(ended, tx.Store) {
		if !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrAborted) {
			s.fail("%s with an ended context: error %v, want %v alone", call, err, context.Canceled)
		}
	}
	in.exactly(a)
	b := in.create1(full("b"))
	tx.commit()
	s.tenant("t").exactly(a, b)
}

// inCalls makes each call of a store once. The tenant is "t", and nothing is refused.
func inCalls(ctx context.Context, st store.Store) map[string]error {
	_, get := st.Get(ctx, "t", store.ID("a"))
	_, apply := st.Apply(ctx, "t", store.Ops(store.Create(plain("one more"), nil)))
	_, list := st.List(ctx, "t", store.Query{Kind: "user"})
	_, changes := st.Changes(ctx, "t", store.ChangeQuery{})
	_, due := st.Due(ctx, store.DueQuery{Before: farFuture()})
	_, tenants := st.Tenants(ctx, store.TenantQuery{})
	_, count := store.Count(ctx, st, "t", store.CountQuery{Kind: "user"})
	return map[string]error{
		"Get": get, "Apply": apply, "List": list, "Changes": changes, "Trim": st.Trim(ctx, "t", 1), "Due": due,
		"Tenants": tenants, "Count": count,
	}
}

// allAborted checks that every call is ErrAborted.
func (tx *transaction) allAborted(when string) {
	if tx.subject.failed() {
		return
	}
	for call, err := range inCalls(tx.subject.ctx, tx.Store) {
		if !errors.Is(err, store.ErrAborted) {
			tx.subject.fail("%s %s: error %v, want %v", call, when, err, store.ErrAborted)
		}
	}
}

func inCanceled(s *subject) {
	out := s.tenant("t")
	var made []store.Record
	for i := range 24 {
		if s.failed() {
			return
		}
		ctx := &countdown{Context: s.ctx, left: 1 + i/2, done: make(chan struct{})}
		tx := s.newTransaction()
		in := tx.tenant("t")
		in.create1(plain(fmt.Sprint("before ", i)))
		r := full(fmt.Sprint("r", i))
		rev, err := tx.Store.Apply(ctx, "t", store.Ops(store.Create(r, nil)))
		switch {
		case errors.Is(err, store.ErrAborted):
			tx.allAborted("after ErrAborted")
			tx.rollback()
			continue
		case err == nil:
			r.Created, r.Revision = rev, rev
			in.has(r)
		case errors.Is(err, context.Canceled):
			in.absent(store.ID(r.ID))
			r = in.create1(r)
		default:
			s.fail("Apply: error %w, want none, the context's or ErrAborted", err)
		}
		in.delete(in.get(store.ID(fmt.Sprint("before ", i))))
		tx.commit()
		made = append(made, r)
	}
	out.exactly(made...)
}

func inTrimCanceled(s *subject) {
	const entries = 2200 // a store may trim in steps
	noted(s.tenant("t"), entries)
	for i := range 12 { // pgx asks a context several times a statement
		if s.failed() {
			return
		}
		ctx := &countdown{Context: s.ctx, left: 1 + i, done: make(chan struct{})}
		tx := s.newTransaction()
		if s.failed() {
			return
		}
		err := tx.Store.Trim(ctx, "t", entries)
		last := store.Revision(0)
		switch {
		case errors.Is(err, store.ErrAborted):
			tx.rollback()
			continue
		case err == nil:
			last = entries - 1
		case !errors.Is(err, context.Canceled):
			s.fail("Trim: error %w, want none, the context's or ErrAborted", err)
		}
		page, changesErr := tx.Store.Changes(s.ctx, "t", store.ChangeQuery{Desc: true, Limit: 1})
		if changesErr != nil || page.Trimmed != last {
			s.fail("Trim: error %v, but the feed is trimmed through %d (error %v)", err, page.Trimmed, changesErr)
		}
		tx.rollback()
	}
}

func inOver(s *subject) {
	out := s.tenant("t")
	a := out.create1(full("a"))
	for _, end := range []func(*transaction){(*transaction).commit, (*transaction).rollback} {
		for _, used := range []bool{true, false} {
			tx := s.newTransaction()
			if used {
				tx.tenant("t").has(a)
			}
			end(tx)
			tx.allAborted("after the end of the transaction")
		}
	}
	out.exactly(a)
	out.next(2)
}

func inWait(s *subject) {
	noted(s.tenant("t"), 1)
	tx := s.newTransaction()
	if s.failed() {
		return
	}
	for _, after := range []store.Revision{0, 1} {
		if err := store.Wait(s.ctx, tx.Store, "t", after, time.Millisecond); !errors.Is(err, store.ErrInTransaction) {
			s.fail("store.Wait: error %v, want %v", err, store.ErrInTransaction)
		}
	}
	tx.tenant("t").create1(plain("b")) // the transaction goes on
	tx.commit()
	s.tenant("t").next(3)
}

func inOptional(s *subject) {
	tx := s.newTransaction()
	if s.failed() {
		return
	}
	if !store.InTransaction(tx.Store) {
		s.fail("the store is no store.Joined")
	}
	for name, has := range map[string]bool{
		"Waiter": has[store.Waiter](tx.Store), "Scrubber": has[store.Scrubber](tx.Store), "Confirmer": has[store.Confirmer](tx.Store),
		"Importer": has[store.Importer](tx.Store), "Dropper": has[store.Dropper](tx.Store),
		"KindLister": has[store.KindLister](tx.Store), "Verifier": has[store.Verifier](tx.Store),
	} {
		if has {
			s.fail("the store is a store.%s", name)
		}
	}
	tx.rollback()
}

func has[T any](s store.Store) bool {
	_, ok := store.As[T](s)
	return ok
}
