package redis

import (
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// storedKey is the name of a key, taken apart.
type storedKey struct {
	name   string
	bucket int
	letter string
	space  space // without a tenant for the keys of a bucket
	kind   string
	term   store.Key
}

// parseKey is the inverse of layout. It accepts nothing else.
func (l layout) parseKey(name string) (k storedKey, ok bool) {
	k.name = name
	rest := name[min(len(l.prefix)+1, len(name)):] // behind the brace
	digits, rest, ok := strings.Cut(rest, "}")
	if !ok {
		return k, false
	}
	var err error
	if k.bucket, err = strconv.Atoi(digits); err != nil || k.bucket < 0 || k.bucket >= buckets {
		return k, false
	}
	if rest == tenantsKey || rest == queueKey {
		k.letter = rest
		return k, true
	}
	if len(rest) < 3 {
		return k, false
	}
	k.letter, rest = rest[:3], rest[3:]
	tenant := rest
	switch k.letter {
	case noncesKey:
		return k, true
	case recordsKey, uniqueKey, feedKey, kindsKey:
	case kindKey, dueKey:
		tenant, k.kind, ok = splitMember(rest)
	case indexKey:
		var ok1, ok2, ok3 bool
		tenant, rest, ok1 = splitMember(rest)
		k.kind, rest, ok2 = splitMember(rest)
		k.term.Kind, k.term.Value, ok3 = splitMember(rest)
		ok = ok1 && ok2 && ok3
	default:
		return k, false
	}
	k.space = l.space(tenant)
	return k, ok && tenant != "" && bucketOf(tenant) == k.bucket
}
