package backend

import (
	"encoding/binary"

	"github.com/rollbook-go/rollbook/store"
)

// SizeOfKeys is a bound of how many bytes AppendKeys appends.
func SizeOfKeys(unique, index []store.Key) int {
	size := 2 * binary.MaxVarintLen16
	for _, keys := range [2][]store.Key{unique, index} {
		for _, key := range keys {
			size += 2*binary.MaxVarintLen16 + len(key.Kind) + len(key.Value)
		}
	}
	return size
}

// AppendKeys appends the unique keys and index terms of a record to b: two counts, then kind
// and value of each, every string behind its length. All numbers are unsigned varints. Nothing
// in it shows damage: each database has a checksum of its own for that.
func AppendKeys(b []byte, unique, index []store.Key) []byte {
	b = binary.AppendUvarint(b, uint64(len(unique)))
	b = binary.AppendUvarint(b, uint64(len(index)))
	for _, keys := range [2][]store.Key{unique, index} {
		for _, key := range keys {
			b = binary.AppendUvarint(b, uint64(len(key.Kind)))
			b = append(b, key.Kind...)
			b = binary.AppendUvarint(b, uint64(len(key.Value)))
			b = append(b, key.Value...)
		}
	}
	return b
}

// MaxShared is how many keys share a piece of memory at most; see CutKeys.
const MaxShared = 64

// CutKeys is the inverse of AppendKeys. It trusts nothing, and reports false unless the text is
// one that AppendKeys makes. The keys are parts of the text, in room from a piece that several
// lists may share.
func CutKeys(text string, piece *[]store.Key) (unique, index []store.Key, ok bool) {
	nu, text, ok := cutNumber(text, store.MaxUnique)
	if !ok {
		return nil, nil, false
	}
	ni, text, ok := cutNumber(text, store.MaxIndex)
	if !ok {
		return nil, nil, false
	}
	if cap(*piece)-len(*piece) < nu+ni {
		*piece = make([]store.Key, 0, max(nu+ni, min(2*cap(*piece), MaxShared)))
	}
	from := len(*piece)
	*piece = (*piece)[:from+nu+ni]
	keys := (*piece)[from:]
	for i := range keys {
		if keys[i].Kind, text, ok = cutString(text, store.MaxKind); !ok {
			return nil, nil, false
		}
		if keys[i].Value, text, ok = cutString(text, store.MaxKeyValue); !ok {
			return nil, nil, false
		}
	}
	if text != "" {
		return nil, nil, false
	}
	// Full slice expressions: an append to one list does not write into another.
	return keys[:nu:nu], keys[nu:len(keys):len(keys)], true
}

func cutString(text string, longest int) (s, rest string, ok bool) {
	n, rest, ok := cutNumber(text, longest)
	if !ok || n > len(rest) {
		return "", "", false
	}
	return rest[:n], rest[n:], true
}

func cutNumber(text string, largest int) (n int, rest string, ok bool) {
	var v uint64
	for i := 0; i < len(text) && i < 3; i++ { // three bytes hold every limit
		c := text[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return int(v), text[i+1:], v <= uint64(largest)
		}
	}
	return 0, "", false
}
