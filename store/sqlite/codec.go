package sqlite

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/internal/backend"
)

// encodeKeys encodes the unique keys and index terms of a record. A CRC-32 at the end keeps a
// flipped bit from making another key.
func encodeKeys(unique, index []store.Key) []byte {
	b := make([]byte, 0, backend.SizeOfKeys(unique, index)+crc32.Size)
	return appendSum(backend.AppendKeys(b, unique, index))
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

// cutKeys returns the keys in a text, in room from a piece that several lists share.
func cutKeys(text string, piece *[]store.Key) (unique, index []store.Key, err error) {
	unique, index, ok := backend.CutKeys(text, piece)
	if !ok {
		return nil, nil, errCorrupt
	}
	return unique, index, nil
}
