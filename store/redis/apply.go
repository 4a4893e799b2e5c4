package redis

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/rollbook-go/rollbook/store"
)

// Apply implements store.Store in one round trip, whether the batch is done or refused.
// There are two rare exceptions: a [store.Remove] first reads what it removes, and a unique
// key whose holder does not list it is claimed a second time. For an Old that the store did
// not return, the error is ErrInvalid.
func (s *Store) Apply(ctx context.Context, tenant string, b store.Batch) (rev store.Revision, err error) {
	c := s.begin("Apply")
	defer func() { c.end(len(b.Ops), err) }()
	if err := store.Check(tenant, b); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	sp := s.space(tenant)
	var k known
	for {
		if k.removals, err = s.removals(ctx, sp, b.Ops); err != nil {
			return 0, err
		}
		p, err := newPlan(sp, b, k, newNonce())
		if err != nil {
			return 0, err
		}
		w := s.newWrite(sp, p)
		rev, err := w.run(ctx)
		c.Queued = w.queued
		if err == nil {
			return rev, nil
		}
		var free *unlistedError
		switch {
		case errors.Is(err, errMoved):
		case errors.As(err, &free):
			if k.unlisted == nil {
				k.unlisted = make(map[string]string)
			}
			k.unlisted[free.field] = free.holder
		default:
			return rev, err
		}
		s.retried("Apply", err)
	}
}

// newNonce names a write. It is random, so that no two writes have the same.
func newNonce() string {
	var b [nonceLen]byte
	_, _ = rand.Read(b[:]) // never fails
	return string(b[:])
}

// errCounter: the tenant's revision counter is unreadable.
var errCounter = errors.New("the tenant's revision counter is damaged")

var errMoved = errors.New("a record was written between its reading and its removal")

// unlistedError: a unique key has a holder that does not list it, so it is free.
type unlistedError struct{ field, holder string }

func (*unlistedError) Error() string { return "a unique key has a holder that does not list it" }

// removals reads the records that the removals of a batch are about, a page at a time.
func (s *Store) removals(ctx context.Context, sp space, ops []store.Op) (map[string]removal, error) {
	var wanted, kinds []string
	for _, op := range ops {
		if isRemoval(op) {
			wanted, kinds = append(wanted, op.ID()), append(kinds, op.Old.Kind)
		}
	}
	if wanted == nil {
		return nil, nil
	}
	found := make(map[string]removal, len(wanted))
	for i := 0; i < len(wanted); {
		got, err := s.fetch(ctx, sp, "Apply", wanted[i:])
		if err != nil {
			return nil, err
		}
		for _, val := range got {
			found[wanted[i]] = newRemoval(sp.tenant, wanted[i], kinds[i], val)
			i++
		}
	}
	return found, nil
}

// newRemoval returns what the script is to expect and to delete. If the digest of a damaged
// record holds, all its keys and entries are known. Otherwise only its entry in the list
// of its kind is, if the op names that kind; all others stay behind and are skipped.
func newRemoval(tenant, id, kind string, val any) removal {
	stored, ok := val.(string)
	if !ok {
		return removal{}
	}
	r, err := decodeRecord(tenant, id, stored)
	if err != nil {
		r = store.Record{ID: id, Kind: kind}
		if head, ok := verifiedHead(tenant, id, stored[min(bodyAt, len(stored)):]); ok {
			r = head
		}
	}
	r.Data = nil
	return removal{old: &r, hash: sha1hex(stored)}
}
