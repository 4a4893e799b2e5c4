package magickmind

import (
	"crypto/sha256"
	"time"
)

// key identifies an entry of recent. It is a hash: no address and no token is kept, and long
// ones take no more room than short ones.
type key [sha256.Size]byte

func keyOf(text string) key { return sha256.Sum256([]byte(text)) }

// recent is a bounded map for entries that strangers can cause. It keeps an entry for span
// after its last use, unless at least most others were used since. It never has more than
// twice most entries. The caller holds the lock.
type recent[V any] struct {
	span time.Duration
	most int

	young, old map[key]*V
	turned     time.Time // when old was young
}

// of returns the entry of a key. If there is none, it makes a zero V.
func (r *recent[V]) of(k key, now time.Time) *V {
	if age := now.Sub(r.turned); len(r.young) >= r.most || age >= r.span {
		r.young, r.old, r.turned = make(map[key]*V), r.young, now
		if age >= 2*r.span {
			r.old = nil
		}
	}
	v := r.young[k]
	if v == nil {
		v = r.old[k]
	}
	if v == nil {
		v = new(V)
	}
	r.young[k] = v
	return v
}

// forget removes the entry of a key.
func (r *recent[V]) forget(k key) {
	delete(r.young, k)
	delete(r.old, k)
}
