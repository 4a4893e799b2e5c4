package enduser

import (
	"strings"

	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// slab is memory that the users of a page share, so that a page takes few allocations.
// What is cut from it does not change: strings cannot, and slices end where they were cut.
// A string that is kept keeps its user's other strings, and those of neighbors, slabText
// bytes at most; never the whole page. The zero slab is ready to use.
type slab struct {
	text     strings.Builder
	total    int // bytes of text so far
	groups   []string
	accounts []Account
}

const (
	slabText  = 4096
	slabItems = 32
)

// join returns a and b as one string.
func (s *slab) join(a string, b []byte) string {
	size := len(a) + len(b)
	if size > slabText { // the rest of so large a piece would pin it for a small user
		return a + string(b)
	}
	if s.text.Cap()-s.text.Len() < size { // the first user gets what it needs, the next ones twice that, …
		s.text = strings.Builder{}
		s.text.Grow(max(size, min(2*s.total, slabText)))
	}
	s.total += size
	from := s.text.Len()
	s.text.WriteString(a)
	s.text.Write(b)
	return s.text.String()[from:]
}

// scanList reads an array of which item reads each element. shared is of a slab.
func scanList[T any](p *jsontext.Scanner, shared *[]T, item func() (T, error)) ([]T, error) {
	list := *shared
	if len(list) == cap(list) {
		list = make([]T, 0, min(max(2*cap(list), 4), slabItems))
	}
	from := len(list)
	err := p.Array(func() error {
		v, err := item()
		list = append(list, v)
		return err
	})
	*shared = list
	if len(list) == from {
		return nil, err
	}
	return list[from:len(list):len(list)], err
}
