package memory

import (
	"context"
	"iter"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// Verify implements [store.Verifier]. Memory does not decay: a finding would be a defect of
// this package.
func (s *Store) Verify(ctx context.Context, opts store.VerifyOptions) iter.Seq2[store.Finding, error] {
	return func(yield func(store.Finding, error) bool) {
		begun := s.begin()
		v := &verifier{store: s, ctx: ctx, mend: opts.Mend, yield: yield, progress: opts.Progress}
		err := v.run(opts)
		s.end(begun, store.CallInfo{Method: "Verify", Err: err, Items: v.items})
		if err != nil && !v.over {
			yield(store.Finding{}, err)
		}
	}
}

// verifier is a call of Verify. While it looks at a tenant it has the tenant's lock, and it
// gives the lock back after every stride of entries, and yields what it has found.
type verifier struct {
	store *Store
	ctx   context.Context
	mend  bool
	yield func(store.Finding, error) bool
	over  bool // the caller has broken off
	items int

	progress func(records int)
	read     int // records

	sh     *shard
	t      *tenant
	looked int
	found  []store.Finding
	last   store.Revision // the latest that the tenant has of anything
}

func (v *verifier) run(opts store.VerifyOptions) error {
	if err := store.CheckVerify(opts); err != nil {
		return err
	}
	if err := v.ctx.Err(); err != nil {
		return err
	}
	if opts.Tenant != "" {
		return v.tenant(opts.Tenant)
	}
	for t := range v.store.allTenants("") {
		if err := v.tenant(t.name); err != nil || v.over {
			return err
		}
	}
	return nil
}

// tenant checks one tenant.
func (v *verifier) tenant(name string) error {
	v.sh, v.last = v.store.shard(name), 0
	v.lock()
	v.t = v.sh.tenants[name]
	if v.t != nil && v.records() && v.keys() && v.lists() && v.feed() {
		v.rest()
	}
	v.unlock()
	return v.report()
}

func (v *verifier) lock() {
	if v.mend {
		v.sh.mu.Lock()
	} else {
		v.sh.mu.RLock()
	}
}

func (v *verifier) unlock() {
	if v.mend {
		v.sh.mu.Unlock()
	} else {
		v.sh.mu.RUnlock()
	}
}

// report yields what was found. The lock is not held.
func (v *verifier) report() error {
	for _, f := range v.found {
		if v.items++; !v.over && !v.yield(f, nil) {
			v.over = true
		}
	}
	v.found = v.found[:0]
	if v.progress != nil {
		v.progress(v.read)
	}
	return v.ctx.Err()
}

// next counts an entry, and lets others have the lock after some. It reports false if the
// tenant is to be left.
func (v *verifier) next() bool {
	if v.looked++; v.looked%stride != 0 {
		return true
	}
	v.unlock()
	err := v.report()
	v.lock()
	return err == nil && !v.over && v.sh.tenants[v.t.name] == v.t
}

// finds records a finding about a record, and mends it.
func (v *verifier) finds(damage store.Damage, e *entry, mend func()) {
	v.found = append(v.found, store.Finding{Damage: damage, Tenant: v.t.name, ID: e.record.ID, Mended: v.mend})
	if v.mend {
		mend()
	}
}

// records checks that each record is found by all that it has.
func (v *verifier) records() bool {
	for _, e := range v.t.records {
		v.last = max(v.last, e.record.Revision)
		v.read++
		if e.damaged {
			v.found = append(v.found, store.Finding{Damage: store.DamagedRecord, Tenant: v.t.name, ID: e.record.ID})
		} else {
			v.record(e)
		}
		if !v.next() {
			return false
		}
	}
	return true
}

func (v *verifier) record(e *entry) {
	t, r := v.t, e.record
	for _, key := range r.Unique {
		if t.holders[key] != e {
			v.finds(store.MissingKey, e, func() { t.holders[key] = e })
		}
	}
	k := t.kinds[r.Kind]
	if k == nil || !k.records.has(e) {
		v.finds(store.MissingTerm, e, func() { t.kind(r.Kind).records.insert(e) })
	}
	for _, key := range r.Index {
		if x := t.terms[termKey{r.Kind, key}]; x == nil || !x.records.has(e) {
			v.finds(store.MissingTerm, e, func() { t.index(r.Kind, key, e) })
		}
	}
	if e.due != 0 && (k == nil || !k.due.has(e)) {
		v.finds(store.WrongDue, e, func() { t.kind(r.Kind).due.insert(e) })
	}
}

// has reports whether an item is in the list.
func (s *sorted[E, O]) has(e E) bool {
	c := s.seek(e)
	return c.entry() == e
}

// keys checks that each unique key leads to a record that lists it.
func (v *verifier) keys() bool {
	t := v.t
	for key, e := range t.holders {
		if t.records[e.record.ID] != e || !e.damaged && !slices.Contains(e.record.Unique, key) {
			v.finds(store.StrayKey, e, func() { delete(t.holders, key) })
		}
		if !v.next() {
			return false
		}
	}
	return true
}

// lists checks that each list has only records that belong there.
func (v *verifier) lists() bool {
	t := v.t
	for name, k := range t.kinds {
		listed := func(e *entry) bool { return e.record.Kind == name }
		if !strays(v, &k.records, store.StrayTerm, listed) || !strays(v, &k.due, store.WrongDue, listed) {
			return false
		}
	}
	for at, x := range t.terms {
		if !strays(v, &x.records, store.StrayTerm, func(e *entry) bool {
			return e.record.Kind == at.kind && slices.Contains(e.record.Index, at.term)
		}) {
			return false
		}
		if v.mend && x.records.len() == 0 {
			delete(t.terms, at)
		}
	}
	return true
}

// strays finds the entries of a list that are no records of the tenant, or do not belong
// there. The list may change whenever the lock is given back.
func strays[O order[*entry]](v *verifier, list *sorted[*entry, O], damage store.Damage, belongs func(*entry) bool) bool {
	var from entry
	for c := list.seek(&from); c.entry() != nil; c = list.seek(&from) {
		e := c.entry()
		from.due, from.created = e.due, e.created+1
		if v.t.records[e.record.ID] != e || !e.damaged && !belongs(e) {
			v.finds(damage, e, func() { list.remove(e) })
		}
		if !v.next() {
			return false
		}
	}
	return true
}

// feed checks the entries of the feed.
func (v *verifier) feed() bool {
	for seq := store.Revision(0); ; {
		c, i := v.t.feed.find(seq)
		if c == len(v.t.feed.chunks) {
			return true
		}
		change := &v.t.feed.chunks[c][i]
		if seq = change.Seq; change.Damaged {
			v.found = append(v.found, store.Finding{Damage: store.DamagedChange, Tenant: v.t.name, Seq: seq})
		}
		v.last = max(v.last, seq)
		if !v.next() {
			return false
		}
	}
}

// rest checks what there is once of each tenant.
func (v *verifier) rest() {
	t := v.t
	if earliest := t.earliestDue(); t.earliest.Load() > earliest {
		for _, k := range t.kinds {
			if e := k.due.first(); e != nil && e.due == earliest {
				v.finds(store.WrongDue, e, func() { t.earliest.Store(earliest) })
				break
			}
		}
	}
	if v.last > t.last {
		v.found = append(v.found, store.Finding{Damage: store.LowRevision, Tenant: t.name, Mended: v.mend})
		if v.mend {
			t.last = v.last
		}
	}
}
