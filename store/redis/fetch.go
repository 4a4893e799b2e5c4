package redis

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

// fetchMost is how many records are fetched at once. Of large ones only a few fit, and
// then the sizes of the others were read in vain.
const fetchMost = 128

// fetch returns the stored records of the first IDs, nil for one that does not exist: as many
// as fit into a page, and at least one.
func (s *Store) fetch(ctx context.Context, sp space, method string, ids []string) (stored []any, err error) {
	_, _, err = s.fetchTo(ctx, sp, method, ids, store.MaxPageData, func(vals []any) { stored = vals })
	return stored, err
}

// fetchTo calls see with the stored records of the first IDs, nil for one that does not exist,
// as many as together fit into room. It reads their sizes before the records, and checks them
// again afterwards, since they may have grown. If room is a whole page there is at least one.
// It returns how many they are, and their size. A large answer keeps its turn until see
// returns, so that such answers neither gather in memory nor keep all processors from other
// callers.
func (s *Store) fetchTo(
	ctx context.Context, sp space, method string, ids []string, room int, see func(stored []any),
) (n, size int, err error) {
	ids = ids[:min(len(ids), fetchMost)]
	asked := make([][]any, len(ids))
	for i, id := range ids {
		asked[i] = []any{"hstrlen", sp.records(), id}
	}
	lengths, err := s.read(ctx, sp, method, short, asked...)
	if err != nil {
		return 0, 0, err
	}
	for ; n < len(ids); n++ {
		length := int(number(lengths[n]))
		if size+length > room && (n > 0 || room < store.MaxPageData) {
			break
		}
		size += length
	}
	if n == 0 {
		return 0, 0, nil
	}
	class := long
	bounded := s.bound(ctx) // the waiting for a turn and the reading together
	defer bounded.end()
	switch {
	case size <= shortAnswer:
		class = short
	case size > largeAnswer:
		done, err := s.largeTurn(bounded, sp) //nolint:contextcheck // bounded has ctx inside
		if err != nil {
			return 0, 0, readError(ctx, errQueued)
		}
		defer done()
	}
	//nolint:contextcheck // bounded has ctx inside
	vals, err := s.read(bounded, sp, method, class, append([]any{"hmget", sp.records()}, anys(ids[:n])...))
	switch {
	case err != nil && bounded.Err() != nil:
		return 0, 0, readError(ctx, errNoAnswer)
	case err != nil:
		return 0, 0, err
	}
	stored, err := storedValues(vals[0], n)
	if err != nil {
		return 0, 0, unavailable(err)
	}
	n, size = fitting(stored, room)
	see(stored[:n])
	return n, size, nil
}

// fitting returns how many of the first records together fit into room, and their size.
// If room is a whole page there is at least one.
func fitting(stored []any, room int) (n, size int) {
	for ; n < len(stored); n++ {
		value, _ := stored[n].(string) // empty, if it no longer exists
		if size+len(value) > room && (n > 0 || room < store.MaxPageData) {
			break
		}
		size += len(value)
	}
	return n, size
}

// largeTurn waits for the tenant's turn to get a large answer from its server.
func (s *Store) largeTurn(ctx context.Context, sp space) (done func(), err error) {
	node, err := s.node(ctx, sp)
	if err != nil { // the request fails with it too, and is repeated
		return func() {}, nil //nolint:nilerr // as said
	}
	return s.lane(node, false).large.Long(ctx, sp.tenant)
}
