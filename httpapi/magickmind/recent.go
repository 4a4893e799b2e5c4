package magickmind

import (
	"crypto/sha256"
	"time"
)

// key is what things are remembered by: a hash, so that no address and no token is kept,
// and long ones take no more room than short ones.
type key [sha256.Size]byte

func keyOf(text string) key { return sha256.Sum256([]byte(text)) }

// recent remembers things of which strangers can make any number. A thing is kept for a
// span after its last use, unless more than a number of others were used since. No more
// than twice that number are kept. The caller has it locked.
type recent[V any] struct {
	span time.Duration
	most int

	young, old map[key]*V
	turned     time.Time // when young became old
}

// of returns what is remembered under a key, a zero V if there is nothing.
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

// forget forgets what is remembered under a key.
func (r *recent[V]) forget(k key) {
	delete(r.young, k)
	delete(r.old, k)
}
