package vendors

import (
	"bytes"
	"encoding/json"
	"slices"
)

// envelopes are the members in which a vendor's answers have rows: a list of them, one of them, or
// an object with a list.
func (f Format) envelopes() []string {
	if f == Explo {
		return []string{"results", "customers", "customer", "user_group"}
	}
	return []string{"data"}
}

// unwrap calls yield for each row of a value, with the offset of its first byte: for the value
// itself if it is a row, else for the rows in the answer that it is. It returns false once yield
// does. What is not JSON is a row, whose error says so.
func (f Format) unwrap(text []byte, offset int, yield func(row []byte, offset int) bool) bool {
	inner, at := member(text, f.envelopes())
	if inner != nil && inner[0] == '{' {
		text, offset = inner, offset+at
		inner, at = member(text, []string{"customers"}) // in the results of Explo
	}
	switch {
	case inner == nil:
		return yield(text, offset)
	case inner[0] == 'n': // MagickMind may say null for no rows
		return true
	case inner[0] == '{':
		return yield(inner, offset+at)
	}
	dec := json.NewDecoder(bytes.NewReader(inner))
	_, _ = dec.Token() // the bracket: member has read the array
	for dec.More() {
		var item json.RawMessage
		_ = dec.Decode(&item) // as before
		if !yield(item, offset+at+int(dec.InputOffset())-len(item)) {
			return false
		}
	}
	return true
}

// member returns the first of the members of an object that has one of the names and is an object,
// an array or null, and its offset; nil if there is none.
func member(text []byte, names []string) (value []byte, offset int) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, 0
	}
	for dec.More() {
		name, err := dec.Token()
		var value json.RawMessage
		if err == nil {
			err = dec.Decode(&value)
		}
		if err != nil {
			return nil, 0
		}
		if s, _ := name.(string); slices.Contains(names, s) && bytes.IndexByte([]byte("{[n"), value[0]) >= 0 {
			return value, int(dec.InputOffset()) - len(value)
		}
	}
	return nil, 0
}
