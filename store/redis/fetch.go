package redis

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

// fetchMost is how many records are asked for at once: where they are large few of
// those fit, and the sizes of the others were asked for in vain.
const fetchMost = 128

// fetch returns the stored records of the first IDs, nil for one that is not there, as
// many as are together no larger than room, and their size. Their sizes are asked for
// before they are, and again when they are here, since they may have grown. If room is a
// whole page there is at least one.
func (s *Store) fetch(ctx context.Context, sp space, method string, ids []string, room int) (stored []any, size int, err error) {
	ids = ids[:min(len(ids), fetchMost)]
	asked := make([][]any, len(ids))
	for i, id := range ids {
		asked[i] = []any{"hstrlen", sp.records(), id}
	}
	lengths, err := s.read(ctx, sp, method, short, asked...)
	if err != nil {
		return nil, 0, err
	}
	n := 0
	for ; n < len(ids); n++ {
		length := int(number(lengths[n]))
		if size+length > room && (n > 0 || room < store.MaxPageData) {
			break
		}
		size += length
	}
	if n == 0 {
		return nil, 0, nil
	}
	class := long
	if size <= shortAnswer {
		class = short
	}
	vals, err := s.read(ctx, sp, method, class, append([]any{"hmget", sp.records()}, anys(ids[:n])...))
	if err != nil {
		return nil, 0, err
	}
	if stored, err = storedValues(vals[0], n); err != nil {
		return nil, 0, unavailable(err)
	}
	n, size = fitting(stored, room)
	return stored[:n], size, nil
}

// fitting returns how many of the first records are together no larger than room, and
// their size. If room is a whole page there is at least one.
func fitting(stored []any, room int) (n, size int) {
	for ; n < len(stored); n++ {
		value, _ := stored[n].(string) // nothing, if it is gone
		if size+len(value) > room && (n > 0 || room < store.MaxPageData) {
			break
		}
		size += len(value)
	}
	return n, size
}

// storedValues reads the answer to an HMGET of n fields: strings, nil where there is
// none.
func storedValues(val any, n int) ([]any, error) {
	list, ok := val.([]any)
	if !ok || len(list) != n {
		return nil, errReply
	}
	return list, nil
}
