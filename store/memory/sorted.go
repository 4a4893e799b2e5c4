package memory

import (
	"iter"
	"slices"
	"sort"
)

// chunkSize is the most entries of a chunk: small enough to move them, large
// enough for a million entries to have a short list of chunks.
const chunkSize = 512

// sorted is a list of entries, or of tenants, in an order. It is cut into chunks so that
// inserting and removing in the middle moves few of them. No chunk is empty. The zero
// value is an empty list. The order of an item must not change while it is in the list.
type sorted[E comparable, O order[E]] struct {
	chunks [][]E
	count  int
}

// order is a strict total order.
type order[E any] interface {
	before(a, b E) bool
}

type byCreated struct{}

func (byCreated) before(a, b *entry) bool { return a.created < b.created }

type byDue struct{}

func (byDue) before(a, b *entry) bool {
	if a.due != b.due {
		return a.due < b.due
	}
	return a.created < b.created
}

func (s *sorted[E, O]) len() int {
	if s == nil {
		return 0
	}
	return s.count
}

// first returns the first item, or nil.
func (s *sorted[E, O]) first() (none E) {
	if s.len() == 0 {
		return none
	}
	return s.chunks[0][0]
}

// find returns the place of the first entry that is not before e: a chunk and
// the index in it, or one past the last chunk.
func (s *sorted[E, O]) find(e E) (chunk, i int) {
	var o O
	chunk = sort.Search(len(s.chunks), func(c int) bool {
		last := s.chunks[c][len(s.chunks[c])-1]
		return !o.before(last, e)
	})
	if chunk == len(s.chunks) {
		return chunk, 0
	}
	in := s.chunks[chunk]
	return chunk, sort.Search(len(in), func(i int) bool { return !o.before(in[i], e) })
}

// rank returns how many entries are before e.
func (s *sorted[E, O]) rank(e E) int {
	c, i := s.find(e)
	for _, chunk := range s.chunks[:c] {
		i += len(chunk)
	}
	return i
}

// cursor is a place in a list; it is good until the list changes.
type cursor[E comparable, O order[E]] struct {
	list     *sorted[E, O]
	chunk, i int
}

// seek returns the place of the first entry that is not before from.
func (s *sorted[E, O]) seek(from E) cursor[E, O] {
	c, i := s.find(from)
	return cursor[E, O]{list: s, chunk: c, i: i}
}

// entry returns the item at the cursor, nil at the end of the list.
func (c *cursor[E, O]) entry() (none E) {
	if c.chunk == len(c.list.chunks) {
		return none
	}
	return c.list.chunks[c.chunk][c.i]
}

// advance goes to the next entry and reports whether there is one.
func (c *cursor[E, O]) advance() bool {
	if c.i++; c.i == len(c.list.chunks[c.chunk]) {
		c.chunk, c.i = c.chunk+1, 0
	}
	var none E
	return c.entry() != none
}

// insert adds an entry that is not in the list.
func (s *sorted[E, O]) insert(e E) {
	s.count++
	c, i := s.find(e)
	if c == len(s.chunks) { // behind all: chunks of a list that only grows are full
		if c == 0 || len(s.chunks[c-1]) == chunkSize {
			s.chunks = append(s.chunks, []E{e})
			return
		}
		s.chunks[c-1] = append(s.chunks[c-1], e)
		return
	}
	if len(s.chunks[c]) == chunkSize {
		s.split(c)
		if half := len(s.chunks[c]); i > half {
			c, i = c+1, i-half
		}
	}
	s.chunks[c] = slices.Insert(s.chunks[c], i, e)
}

func (s *sorted[E, O]) split(c int) {
	left, right := s.chunks[c][:chunkSize/2], s.chunks[c][chunkSize/2:]
	s.chunks = slices.Insert(s.chunks, c+1, slices.Clone(right))
	clear(right)
	s.chunks[c] = left
}

// remove takes out an entry that is in the list.
func (s *sorted[E, O]) remove(e E) {
	c, i := s.find(e)
	s.count--
	s.chunks[c] = slices.Delete(s.chunks[c], i, i+1)
	if len(s.chunks[c]) == 0 {
		s.chunks = slices.Delete(s.chunks, c, c+1)
		return
	}
	if !s.join(c) && c > 0 {
		s.join(c - 1)
	}
}

// join makes one chunk of c and its successor if that is at most half full.
func (s *sorted[E, O]) join(c int) bool {
	if c+1 >= len(s.chunks) || len(s.chunks[c])+len(s.chunks[c+1]) > chunkSize/2 {
		return false
	}
	s.chunks[c] = append(s.chunks[c], s.chunks[c+1]...)
	s.chunks = slices.Delete(s.chunks, c+1, c+2)
	return true
}

// ascend walks the entries that are not before from, in order.
func (s *sorted[E, O]) ascend(from E) iter.Seq[E] {
	return func(yield func(E) bool) {
		if s.len() == 0 {
			return
		}
		c, i := s.find(from)
		for ; c < len(s.chunks); c, i = c+1, 0 {
			for _, e := range s.chunks[c][i:] {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// descend walks the entries that are before from, in reverse order.
func (s *sorted[E, O]) descend(from E) iter.Seq[E] {
	return func(yield func(E) bool) {
		if s.len() == 0 {
			return
		}
		c, i := s.find(from)
		for {
			for i--; i >= 0; i-- {
				if !yield(s.chunks[c][i]) {
					return
				}
			}
			if c--; c < 0 {
				return
			}
			i = len(s.chunks[c])
		}
	}
}
