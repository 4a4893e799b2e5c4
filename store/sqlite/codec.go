package sqlite

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/rollbook-go/rollbook/store"
)

// encodeKeys encodes the unique keys and index terms of a record: two counts,
// then kind and value of each, every string behind its length. All numbers are
// unsigned varints. A CRC-32 at the end keeps a flipped bit from making another key.
func encodeKeys(unique, index []store.Key) []byte {
	size := 2*binary.MaxVarintLen16 + crc32.Size
	for _, keys := range [2][]store.Key{unique, index} {
		for _, key := range keys {
			size += 2*binary.MaxVarintLen16 + len(key.Kind) + len(key.Value)
		}
	}
	b := binary.AppendUvarint(make([]byte, 0, size), uint64(len(unique)))
	b = binary.AppendUvarint(b, uint64(len(index)))
	for _, keys := range [2][]store.Key{unique, index} {
		for _, key := range keys {
			b = binary.AppendUvarint(b, uint64(len(key.Kind)))
			b = append(b, key.Kind...)
			b = binary.AppendUvarint(b, uint64(len(key.Value)))
			b = append(b, key.Value...)
		}
	}
	return appendSum(b)
}

func appendSum(b []byte) []byte { return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b)) }

// parseKeys is the inverse of encodeKeys. It trusts nothing: the file may be damaged. It
// returns errCorrupt if b is not what encodeKeys returns.
func parseKeys(b []byte) (unique, index []store.Key, err error) {
	list, intact := cutSum(b)
	if !intact {
		return nil, nil, errCorrupt
	}
	return cutKeys(string(list), new([]store.Key))
}

// cutSum returns what stands before the checksum, and whether the checksum is right.
func cutSum(b []byte) (list []byte, intact bool) {
	if len(b) < crc32.Size {
		return nil, false
	}
	list, sum := b[:len(b)-crc32.Size], b[len(b)-crc32.Size:]
	return list, crc32.ChecksumIEEE(list) == binary.LittleEndian.Uint32(sum)
}

// cutKeys returns the keys in a text, which are parts of it, in room from a piece that
// several lists share.
func cutKeys(text string, piece *[]store.Key) (unique, index []store.Key, err error) {
	nu, text, ok := cutNumber(text, store.MaxUnique)
	if !ok {
		return nil, nil, errCorrupt
	}
	ni, text, ok := cutNumber(text, store.MaxIndex)
	if !ok {
		return nil, nil, errCorrupt
	}
	if cap(*piece)-len(*piece) < nu+ni {
		*piece = make([]store.Key, 0, max(nu+ni, min(2*cap(*piece), sharedKeys)))
	}
	from := len(*piece)
	*piece = (*piece)[:from+nu+ni]
	keys := (*piece)[from:]
	for i := range keys {
		if keys[i].Kind, text, ok = cutString(text, store.MaxKind); !ok {
			return nil, nil, errCorrupt
		}
		if keys[i].Value, text, ok = cutString(text, store.MaxKeyValue); !ok {
			return nil, nil, errCorrupt
		}
	}
	if text != "" {
		return nil, nil, errCorrupt
	}
	// Full slice expressions: an append to one list does not write into another.
	return keys[:nu:nu], keys[nu:len(keys):len(keys)], nil
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
			return int(v), text[i+1:], v <= uint64(largest) //nolint:gosec // at most 21 bits
		}
	}
	return 0, "", false
}
