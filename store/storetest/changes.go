package storetest

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/rollbook-go/rollbook/store"
)

func changesChecks() []check {
	return []check{
		{"changes/types", 5, "an entry has the revision, type, kind, ID and Note of its op", changesTypes},
		{"changes/notes", 5, "a nil Note makes no entry, an empty one does", changesNotes},
		{"changes/order", 5, "entries ascend by revision, inside a batch as well", changesOrder},
		{"changes/after", 5, "Changes starts behind the revision it is given, an entry's or not", changesAfter},
		{"changes/limit", 5, "a page has at most as many entries as its limit; zero means DefaultLimit", changesLimit},
		{"changes/bounds", 5, "After and Before leave out the entry they name and all beyond it, in both directions", changesBounds},
		{"changes/down", 5, "the newest entries come first in a descending walk, which new ones do not disturb", changesDown},
		{"changes/refused", 5, "a refused batch leaves no entry", changesRefused},
		{"changes/tenant", 5, "a feed holds the entries of its tenant", changesTenant},
		{"changes/deleted", 5, "entries stay when their record is deleted or written again", changesDeleted},
		{"changes/tail", 5, "a reader that follows concurrent writers sees every entry exactly once, in order", changesTail},
	}
}

func changesTypes(s *subject) {
	c := s.tenant("t")
	r := full("a")
	group := plain("g")
	group.Kind = "group"
	rev := c.apply(store.Create(r, []byte("first")), store.Create(group, []byte{0, 255, 10}))
	r.Created, r.Revision = rev-1, rev-1
	next := c.apply(store.Replace(r, withData(full("a"), "next"), []byte("second")))
	old := r
	old.Revision = next
	last := c.apply(store.Delete(old, []byte("third")))
	for _, c := range []*client{c, c.other()} {
		c.feed(0,
			store.Change{Revision: 1, Type: store.Created, Kind: "user", ID: "a", Note: []byte("first")},
			store.Change{Revision: 2, Type: store.Created, Kind: "group", ID: "g", Note: []byte{0, 255, 10}},
			store.Change{Revision: next, Type: store.Updated, Kind: "user", ID: "a", Note: []byte("second")},
			store.Change{Revision: last, Type: store.Deleted, Kind: "user", ID: "a", Note: []byte("third")},
		)
	}
}

func changesNotes(s *subject) {
	c := s.tenant("t")
	a := c.create1(plain("a"))
	c.feed(0)
	rev := c.apply(store.Create(plain("b"), []byte{}), store.Create(plain("c"), nil), store.Create(plain("d"), []byte("d")), store.Delete(a, nil))
	want := []store.Change{
		{Revision: rev - 3, Type: store.Created, Kind: "user", ID: "b"},
		{Revision: rev - 1, Type: store.Created, Kind: "user", ID: "d", Note: []byte("d")},
	}
	c.feed(0, want...)
	b := c.get(store.ID("b"))
	b = c.replace(b, plain("b"))
	rev = c.apply(store.Delete(b, make([]byte, 0, 8)))
	c.feed(0, append(want, store.Change{Revision: rev, Type: store.Deleted, Kind: "user", ID: "b"})...)
}

// noted creates n records with Notes, one op each, and returns their entries.
func noted(c *client, n int) []store.Change {
	var want []store.Change
	for done := 0; done < n; {
		var ops []store.Op
		for range min(store.MaxOps, n-done) {
			id := fmt.Sprint("n", done+len(ops))
			ops = append(ops, store.Create(store.Record{ID: id, Kind: "user"}, []byte("note of "+id)))
		}
		first := c.apply(ops...) - store.Revision(len(ops)) + 1
		for i, op := range ops {
			want = append(want, store.Change{Revision: first + store.Revision(i), Type: store.Created, Kind: "user", ID: op.New.ID, Note: op.Note})
		}
		done += len(ops)
	}
	return want
}

func changesOrder(s *subject) {
	c := s.tenant("t")
	c.feed(0, noted(c, 130)...) // across 9 and 10, 99 and 100
}

func changesAfter(s *subject) {
	c := s.tenant("t")
	var want []store.Change
	for i := range 8 {
		id := fmt.Sprint(i)
		if i%2 == 0 {
			c.create1(plain(id))
			continue
		}
		note := []byte(id)
		rev := c.apply(store.Create(plain(id), note))
		want = append(want, store.Change{Revision: rev, Type: store.Created, Kind: "user", ID: id, Note: note})
	}
	for after := range store.Revision(10) {
		var left []store.Change
		for _, w := range want {
			if w.Revision > after {
				left = append(left, w)
			}
		}
		c.feed(after, left...)
	}
	c.feed(1<<63 - 1)
	s.tenant("nobody").feed(0)
	s.tenant("nobody").feed(1 << 53)
}

func changesLimit(s *subject) {
	c := s.tenant("t")
	all := noted(c, store.MaxLimit+1)
	for _, limit := range []int{7, store.DefaultLimit, store.MaxLimit, 0} {
		for _, after := range []int{0, 1, 500, store.MaxLimit - 5, store.MaxLimit + 1} {
			c.feedIs(store.ChangeQuery{After: store.Revision(after), Limit: limit}, all[after:]...)
		}
	}
	for _, limit := range []int{1, 2} {
		c.feedIs(store.ChangeQuery{After: store.MaxLimit - 5, Limit: limit}, all[store.MaxLimit-5:]...)
	}
}

func changesBounds(s *subject) {
	c := s.tenant("t")
	all := gaps(c)
	for after := range store.Revision(13) {
		for before := range store.Revision(13) {
			var want []store.Change
			for _, w := range all {
				if w.Revision > after && (before == 0 || w.Revision < before) {
					want = append(want, w)
				}
			}
			for _, limit := range []int{0, 1, 2} {
				q := store.ChangeQuery{After: after, Before: before, Limit: limit}
				c.feedIs(q, want...)
				q.Desc = true
				c.handle(limit).feedIs(q, reversed(want)...)
			}
		}
	}
	c.feedIs(store.ChangeQuery{Before: 1<<63 - 1}, all...)
	c.feedIs(store.ChangeQuery{Before: 1<<63 - 1, Desc: true}, reversed(all)...)
	c.feedIs(store.ChangeQuery{After: 1 << 53, Before: 1<<63 - 1, Desc: true})
}

func changesDown(s *subject) {
	c := s.tenant("t")
	all := noted(c, 130)
	for _, limit := range []int{1, 7, 100, 0} {
		var got []store.Change
		pages := 0
		c.walkChanges(store.ChangeQuery{Desc: true, Limit: limit}, func(page store.ChangePage) {
			got = append(got, page.Changes...)
			if pages++; pages <= 10 {
				id := fmt.Sprint("new", limit, "-", pages)
				rev := c.other().apply(store.Create(plain(id), []byte(id)))
				all = append(all, store.Change{Revision: rev, Type: store.Created, Kind: "user", ID: id, Note: []byte(id)})
			}
		})
		if len(got) == 0 {
			s.fail("Changes, descending: nothing")
		}
		if s.failed() {
			return
		}
		// A walk that began with an empty page may include entries that were new then.
		newest := int(got[0].Revision)
		if newest < len(all)-min(pages, 10) {
			s.fail("Changes, descending: the first entry is %d, want %d or a newer one", newest, len(all)-min(pages, 10))
			return
		}
		s.same(diffChanges(got, reversed(all[:newest])), "Changes, descending, limit %d", limit)
	}
}

func changesRefused(s *subject) {
	c := s.tenant("t")
	note := []byte("note")
	held := c.create1(withKeys(plain("a"), "k"))
	c.stale(1, store.Create(plain("x"), note), store.Create(plain("a"), note))
	c.taken(1, key("k"), held, store.Create(plain("x"), note), store.Create(withKeys(plain("y"), "k"), note))
	c.refused(store.ErrInvalid, store.Create(plain("x"), note), store.Create(plain(""), note))
	c.feed(0)
	rev := c.apply(store.Create(plain("x"), note))
	c.feed(0, store.Change{Revision: rev, Type: store.Created, Kind: "user", ID: "x", Note: note})
}

func changesTenant(s *subject) {
	a, b := s.tenant("a"), s.tenant("b")
	first := noted(a, 3)
	second := noted(b, 2)
	a.feed(0, first...)
	b.feed(0, second...)
	s.tenant("c").feed(0)
}

func changesDeleted(s *subject) {
	c := s.tenant("t")
	want := noted(c, 3)
	for _, w := range want {
		c.delete(c.get(store.ID(w.ID)))
	}
	c.feed(0, want...)
	c.create1(plain("n1"))
	c.feed(0, want...)
}

// changesTail runs four writers, two on each handle, that write batches of ops with and
// without Notes, while two readers follow.
func changesTail(s *subject) {
	const writers, batches = 4, 60
	c := s.tenant("t")
	var mu sync.Mutex
	written := map[store.Revision]store.Change{}
	var running atomic.Int32
	running.Store(writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			defer running.Add(-1)
			c := c.handle(w)
			for i := range batches {
				runtime.Gosched() // interleave, however fast the store is
				var ops []store.Op
				for j := range 1 + i%3 {
					r := plain(fmt.Sprintf("%d-%d-%d", w, i, j))
					if (i+j)%3 == 0 {
						ops = append(ops, store.Create(r, nil))
					} else {
						ops = append(ops, store.Create(r, []byte(r.ID)))
					}
				}
				first := c.apply(ops...) - store.Revision(len(ops)) + 1
				mu.Lock()
				for j, op := range ops {
					if op.Note != nil {
						rev := first + store.Revision(j)
						written[rev] = store.Change{Revision: rev, Type: store.Created, Kind: "user", ID: op.New.ID, Note: op.Note}
					}
				}
				mu.Unlock()
			}
		})
	}
	read := make([][]store.Change, 2)
	for i := range read {
		wg.Go(func() {
			c := c.handle(i)
			after := store.Revision(0)
			for !s.failed() {
				last := running.Load() == 0
				page := c.changesPage(store.ChangeQuery{After: after, Limit: []int{3, 50}[i]})
				read[i] = append(read[i], page.Changes...)
				if n := len(page.Changes); n > 0 {
					after = page.Changes[n-1].Seq
				}
				if page.Next != 0 {
					after = page.Next
				} else if last && len(page.Changes) == 0 {
					return
				}
				runtime.Gosched()
			}
		})
	}
	wg.Wait()
	for _, entries := range read {
		if s.failed() {
			return
		}
		for _, got := range entries {
			s.same(diffChanges([]store.Change{got}, []store.Change{written[got.Revision]}), "tail")
		}
		if len(entries) != len(written) {
			s.fail("tail: %d entries, want %d", len(entries), len(written))
		}
	}
}
