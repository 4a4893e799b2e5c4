package enduser

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/rollbook-go/rollbook/store"
)

// tokenBytes is the length of a token, which is written as twice as many hexadecimal digits.
// Nobody can guess a token that long from its hash.
const tokenBytes = 32

// MaxOverlap is how long a token may be accepted after it was rotated out. A deadline that is
// further away than MaxOverlap and five minutes was set by a clock that was ahead, and counts
// as passed.
const MaxOverlap = 30 * 24 * time.Hour

// maxPrevious is how many tokens that were rotated out are accepted at a time.
const maxPrevious = 8

// newToken makes a token for a group. It returns the token as it is stored, and as text.
func (w *writer) newToken(ctx context.Context, g *Group) (groupToken, string, error) {
	var b [tokenBytes]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	token := hex.EncodeToString(b[:])
	w.made(token)
	sealed, err := w.m.seal(ctx, token, tokenPlace(w.name, g.ID))
	return groupToken{hash: hashToken(token), sealed: sealed}, token, err
}

func tokenPlace(tenant, group string) place {
	return place{tenant: tenant, record: group, field: "token"}
}

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func sameHash(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Rotate gives a group a new token, if the conditions hold, and returns both. The old token is
// accepted until overlap has passed, at most [MaxOverlap]. So are up to seven tokens that were
// rotated out before it, each until its own deadline. With a zero overlap no old token is
// accepted from now on.
//
// With [GroupByToken] exactly one of several concurrent rotations of one token wins. The
// others return ErrNotFound. Rotate returns ErrNoKeyring without a Keyring. With ErrUnknown it
// also returns the token, and the group without Version: they are right if the write happened.
func (g Groups) Rotate(ctx context.Context, ref GroupRef, overlap time.Duration, conds ...Condition) (Group, string, error) {
	w, err := g.t.writerFor(ctx, request{kind: kindGroup, call: "rotate", group: ref, overlap: overlap, shows: true})
	defer w.end()
	if err == nil && (overlap < 0 || overlap > MaxOverlap) {
		err = invalidField(Field{Name: "overlap"}, CodeValue, "must be between 0 and 30 days")
	}
	if err != nil {
		return w.replayToken(ctx, err)
	}
	var token string
	rotated, err := w.changeGroup(ctx, ref, conds, func(g *Group) (err error) {
		old := groupToken{hash: g.token.hash, until: wholeMillis(w.now.Add(overlap))}
		if g.token, token, err = w.newToken(ctx, g); err != nil {
			return err
		}
		g.forget(w.now)
		if overlap > 0 {
			g.previous = append(g.previous, old)
			g.previous = g.previous[max(0, len(g.previous)-maxPrevious):]
		} else {
			g.previous = nil
		}
		return nil
	})
	if err = w.confirm(ctx, err); err != nil && !errors.Is(err, ErrUnknown) {
		return w.replayToken(ctx, err)
	}
	return rotated, token, err
}

// Authenticate returns the group with a token: its current one, or one that was rotated out
// with an overlap that has not ended. It returns ErrNotFound for any other text. Its duration
// tells nothing about tokens: it compares their hashes, in constant time.
func (g Groups) Authenticate(ctx context.Context, token string) (Group, error) {
	c, err := g.t.begin()
	if err != nil {
		return Group{}, err
	}
	if token == "" {
		return Group{}, ErrNotFound
	}
	hash, now := hashToken(token), g.t.m.millis()
	r, err := g.t.m.store.Get(ctx, c.name, tokenKey(hash))
	if err != nil {
		return Group{}, translate("get", err)
	}
	if r.Kind != kindGroup {
		return Group{}, ErrNotFound
	}
	found, err := g.t.decodeGroup(&r)
	if err != nil {
		return Group{}, err
	}
	accepted := sameHash(found.token.hash, hash)
	for _, p := range found.previous {
		accepted = accepted || (sameHash(p.hash, hash) && !over(p.until, MaxOverlap, now))
	}
	if !accepted {
		return Group{}, ErrNotFound
	}
	return found, nil
}

// Reveal returns the current token of a group that a call of this handle has returned: the
// one that the group had then. It does not read the store. It returns ErrNoKey if the keyring
// no longer has the key.
func (g Groups) Reveal(ctx context.Context, group Group) (string, error) {
	c, err := g.t.begin()
	if err != nil {
		return "", err
	}
	if group.token.sealed == nil || group.Tenant != g.t.name || group.Environment != g.t.env {
		return "", invalidField(Field{Name: "group"}, CodeValue, "was not returned by a call of this handle")
	}
	return g.t.m.open(ctx, group.token.sealed, tokenPlace(c.name, group.ID))
}

func (t Tenant) sealedInGroup(r *store.Record) ([][]byte, error) {
	g, err := t.decodeGroup(r)
	if err != nil {
		return nil, err
	}
	return [][]byte{g.token.sealed}, nil
}

// resealGroup returns a group's record with its token under the key for new secrets, nil
// if it is under it already.
func resealGroup(ctx context.Context, w *writer, r *store.Record) (*store.Record, error) {
	g, err := w.decodeGroup(r)
	if err != nil {
		return nil, err
	}
	at := tokenPlace(w.name, g.ID)
	token, err := w.m.open(ctx, g.token.sealed, at)
	if err != nil {
		return nil, err
	}
	sealed, err := w.m.seal(ctx, token, at)
	if err != nil || sameKey(sealed, g.token.sealed) {
		return nil, err
	}
	g.token.sealed = sealed
	next, err := w.rewriteGroup(*r, &g)
	return &next, err
}

// forget drops the tokens that are no longer accepted, and reports whether there were any.
func (g *Group) forget(now time.Time) bool {
	before := len(g.previous)
	g.previous = slices.DeleteFunc(slices.Clone(g.previous), func(p groupToken) bool { return over(p.until, MaxOverlap, now) })
	return len(g.previous) < before
}

// due returns when the first token stops being accepted.
func (g *Group) due() time.Time {
	var first time.Time
	for _, p := range g.previous {
		if first.IsZero() || p.until.Before(first) {
			first = p.until
		}
	}
	return first
}

// OldTokensUntil returns until when tokens that were rotated out are accepted: the last of
// their deadlines, which may have passed. It is zero if there are none.
func (g Group) OldTokensUntil() time.Time {
	var last time.Time
	for _, p := range g.previous {
		if p.until.After(last) {
			last = p.until
		}
	}
	return last
}

func groupIDKey(id string) store.Key {
	return store.Key{Kind: keyGroupID, Value: norm.NFC.String(id)}
}

func tokenKey(hash string) store.Key { return store.Key{Kind: keyGroupToken, Value: hash} }
