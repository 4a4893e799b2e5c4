package enduser

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// tokenBytes is the length of a token, which is written as twice as many
// hexadecimal digits. A text that long cannot be guessed from its hash.
const tokenBytes = 32

// MaxOverlap is how long a token may be accepted after it was rotated out.
const MaxOverlap = 30 * 24 * time.Hour

// maxPrevious is how many tokens that were rotated out are accepted at a time.
const maxPrevious = 8

// newToken makes a token for a group.
func (w *writer) newToken(ctx context.Context, g *Group) (groupToken, error) {
	var b [tokenBytes]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	token := hex.EncodeToString(b[:])
	sealed, err := w.m.seal(ctx, token, tokenPlace(w.name, g.ID))
	return groupToken{hash: hashToken(token), sealed: sealed}, err
}

func tokenPlace(tenant, group string) place {
	return place{tenant: tenant, record: group, field: "token"}
}

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func sameHash(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// RotateGroupToken gives a group a new token, which [Tenant.RevealGroupToken] shows.
// The old token is accepted until overlap has passed, at most [MaxOverlap]; so are up
// to seven that were rotated out before it, each until its own deadline. With a zero
// overlap no old token is accepted from now on.
//
// With [GroupByToken] exactly one of several concurrent rotations of one token wins,
// and the others find no group: ErrNotFound. ErrNoKeyring without a Keyring.
func (t Tenant) RotateGroupToken(ctx context.Context, ref GroupRef, overlap time.Duration) (Group, error) {
	return t.RotateGroupTokenIf(ctx, ref, overlap, func(Group) error { return nil })
}

// RotateGroupTokenIf rotates a group's token unless fn, which gets the group, returns an
// error; RotateGroupTokenIf then returns that error. If others change the group meanwhile
// fn is called again.
func (t Tenant) RotateGroupTokenIf(ctx context.Context, ref GroupRef, overlap time.Duration, fn func(Group) error) (Group, error) {
	w, err := t.writer()
	if err != nil {
		return Group{}, err
	}
	if overlap < 0 || overlap > MaxOverlap {
		return Group{}, &InvalidError{Violations: []Violation{{"overlap", CodeValue, "must be between 0 and 30 days"}}}
	}
	return w.changeGroup(ctx, ref, func(g *Group) error {
		if err := fn(g.Clone()); err != nil {
			return err
		}
		token, err := w.newToken(ctx, g)
		if err != nil {
			return err
		}
		g.forget(w.now)
		if overlap > 0 {
			old := groupToken{hash: g.token.hash, until: wholeMillis(w.now.Add(overlap))}
			g.previous = append(g.previous, old)
			g.previous = g.previous[max(0, len(g.previous)-maxPrevious):]
		} else {
			g.previous = nil // who rotates without overlap wants nothing old to be accepted
		}
		g.token = token
		return nil
	})
}

// AuthenticateGroup returns the group whose token that is: its current one, or one
// that was rotated out with an overlap that has not ended. ErrNotFound for any other
// text. How long it takes says nothing about the tokens: their hashes are compared,
// in constant time.
func (t Tenant) AuthenticateGroup(ctx context.Context, token string) (Group, error) {
	name, _, err := t.begin()
	if err != nil {
		return Group{}, err
	}
	if token == "" {
		return Group{}, ErrNotFound
	}
	hash, now := hashToken(token), t.m.millis()
	r, err := t.m.store.Get(ctx, name, tokenKey(hash))
	if err != nil {
		return Group{}, translate("get", err)
	}
	if r.Kind != kindGroup {
		return Group{}, ErrNotFound
	}
	g, err := t.decodeGroup(&r)
	if err != nil {
		return Group{}, err
	}
	accepted := sameHash(g.token.hash, hash)
	for _, p := range g.previous {
		accepted = accepted || (sameHash(p.hash, hash) && now.Before(p.until))
	}
	if !accepted {
		return Group{}, ErrNotFound
	}
	return g, nil
}

// RevealGroupToken returns the current token of a group that a call of this handle has
// returned, without asking the store: the one that the group had then. ErrNoKey if
// the keyring no longer has its key.
func (t Tenant) RevealGroupToken(ctx context.Context, g Group) (string, error) {
	name, _, err := t.begin()
	if err != nil {
		return "", err
	}
	if g.token.sealed == nil || g.Tenant != t.name || g.Environment != t.env {
		return "", &InvalidError{Violations: []Violation{{"group", CodeValue, "was not returned by a call of this handle"}}}
	}
	return t.m.open(ctx, g.token.sealed, tokenPlace(name, g.ID))
}

// forget drops the tokens that are no longer accepted, and says whether there were
// any.
func (g *Group) forget(now time.Time) bool {
	before := len(g.previous)
	g.previous = slices.DeleteFunc(slices.Clone(g.previous), func(p groupToken) bool { return !now.Before(p.until) })
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

func providedIDKey(id string) store.Key { return store.Key{Kind: keyProvidedID, Value: compareKey(id)} }

func tokenKey(hash string) store.Key { return store.Key{Kind: keyGroupToken, Value: hash} }
