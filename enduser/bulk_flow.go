package enduser

import (
	"context"
	"math"
	"sync/atomic"

	"github.com/rollbook-go/rollbook/store"
)

// A bulk call cuts its rows into chunks of neighbours and writes several chunks at once. That
// the result is as if the rows were written one after the other rests on this:
//
//   - Rows that name the same unique key are never under way at once: the later one's chunk waits
//     for the earlier one's.
//   - A chunk that only creates users can be written at any time. Whoever shares no key with it
//     finds the same before and after it.
//   - Any other chunk reads first. It takes what it has read as good once all chunks before it
//     that were under way are known: they have read, too, or are done. Each of them changes only
//     the users that it has found, of which this chunk has found none; gives up no unique key, nor
//     an address that must be unique; and claims only what its rows name. So none can change what
//     this one finds.
//   - A chunk for which that does not hold is written when all before it are done, row by row,
//     and is not known until it is done.
//   - So is a row that the store refuses, beside the rest of its chunk: its error holds, since
//     nothing before it is under way.
const (
	chunksAtOnce = 16
	rowsOfChunk  = store.MaxOps
	sizeOfChunk  = 512 << 10 // bytes of fields, about
)

// bulk is a call of ImportAll.
type bulk struct {
	BulkOptions

	ctx    context.Context //nolint:containedctx // of the one call
	t      Tenant
	keyed  *writer // whose policy says which keys rows name
	atOnce int

	rows  int    // that were read
	open  *chunk // that is being filled; nil: none
	queue []*chunk
	held  map[store.Key]*chunk // the keys that rows under way name, with the last chunk

	readFirst atomic.Bool  // the last chunk found users that exist
	until     atomic.Int64 // no row from this one on is written any more
}

// chunk is some rows that are written together.
type chunk struct {
	rows   []*bulkRow
	keys   map[store.Key]struct{} // that the rows name
	size   int
	before []*chunk        // that were under way when it began, in their order
	after  []*chunk        // those of them that name a key of this one
	users  map[string]bool // by ID: those that it may change, once it is known

	known          chan struct{} // closed when it is known, or done
	isKnown, dirty bool          // dirty: it was not known before it was done
	done           chan struct{}
	err            error // why rows have no answer
	panicked       any   // by the store or a hook of the host; nil: it did not
}

// add takes a row, and yields results that are there. It returns false if the loop ends.
func (b *bulk) add(in *Import, yield func(BulkResult, error) bool) bool {
	row := &bulkRow{number: b.rows, in: in}
	b.rows++
	if err := in.check(&b.keyed.policy, b.t.m.millis()); err != nil {
		row.answer(nil, 0, err)
	} else {
		row.keys = b.keyed.names(in)
	}
	if b.open != nil && !b.open.takes(row) {
		if !b.launch(yield) {
			return false
		}
	}
	if b.open == nil {
		b.open = &chunk{keys: make(map[store.Key]struct{}), known: make(chan struct{}), done: make(chan struct{})}
	}
	b.open.rows = append(b.open.rows, row)
	b.open.size += in.size()
	for _, key := range row.keys {
		b.open.keys[key] = struct{}{}
	}
	return true
}

// takes reports whether a row can be written together with the others.
func (c *chunk) takes(row *bulkRow) bool {
	if len(c.rows) >= rowsOfChunk || c.size >= sizeOfChunk {
		return false
	}
	for _, key := range row.keys {
		if _, shared := c.keys[key]; shared {
			return false
		}
	}
	return true
}

// size returns about how many bytes the fields have, also if they are too long to be valid.
func (in *Import) size() int {
	n := in.Metadata.room() + in.SystemProperties.room()
	for _, s := range []string{
		in.ID, in.ExternalID, in.Name, in.FirstName, in.LastName, in.Email, in.Avatar, in.Language, in.CreatedBy, in.UpdatedBy,
	} {
		n += len(s)
	}
	const text = 16 // that a text takes besides, also an empty one
	for _, a := range in.Accounts {
		n += 2*text + len(a.Type) + len(a.ID)
	}
	for _, s := range in.Groups {
		n += text + len(s)
	}
	for _, s := range in.Sensitive {
		n += len(s.reveal().Text())
	}
	return n
}

// launch begins to write the open chunk, and yields results that are there.
func (b *bulk) launch(yield func(BulkResult, error) bool) bool {
	for len(b.queue) >= b.atOnce || len(b.queue) > 0 && (b.until.Load() < math.MaxInt64 || b.ctx.Err() != nil) {
		if !b.pop(yield) {
			return false
		}
	}
	c := b.open
	b.open = nil
	c.before = append(c.before, b.queue...)
	waits := make(map[*chunk]bool)
	for key := range c.keys {
		if holder := b.held[key]; holder != nil && !waits[holder] {
			waits[holder] = true
			c.after = append(c.after, holder)
		}
		b.held[key] = c
	}
	b.queue = append(b.queue, c)
	if b.atOnce == 1 {
		b.write(c)
	} else {
		go b.write(c)
	}
	for len(b.queue) > 0 && isClosed(b.queue[0].done) {
		if !b.pop(yield) {
			return false
		}
	}
	return true
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// pop waits for the oldest chunk and yields its results.
func (b *bulk) pop(yield func(BulkResult, error) bool) bool {
	c := b.queue[0]
	<-c.done
	if c.panicked != nil {
		panic(c.panicked) //nolint:forbidigo // what the store or a hook of the host raised, in the goroutine of the call
	}
	for i, row := range c.rows {
		if !row.answered {
			row.answer(nil, 0, c.err)
			row.result.Answered = false
			yield(row.result, c.err)
			return false
		}
		if !yield(row.result, row.err) {
			return false
		}
		c.rows[i] = nil
	}
	b.queue[0] = nil
	b.queue = b.queue[1:]
	for key := range c.keys {
		if b.held[key] == c {
			delete(b.held, key)
		}
	}
	return true
}

// finish writes what is left, and yields all results.
func (b *bulk) finish(yield func(BulkResult, error) bool) {
	if b.open != nil && !b.launch(yield) {
		return
	}
	for len(b.queue) > 0 {
		if !b.pop(yield) {
			return
		}
	}
}

// end waits for the chunks that are under way. They send nothing more.
func (b *bulk) end() {
	b.stop(-1)
	for _, c := range b.queue {
		<-c.done
	}
}

// stop lets no row from a number on be written.
func (b *bulk) stop(row int) {
	for until := b.until.Load(); int64(row) < until && !b.until.CompareAndSwap(until, int64(row)); {
		until = b.until.Load()
	}
}
