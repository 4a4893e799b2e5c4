package redis

import (
	"context"
	"errors"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
)

// errFewReplicas: fewer replicas than WaitReplicas have what the master has.
var errFewReplicas = errors.New("fewer replicas than WaitReplicas have it")

// errSlotMoved: a slot moved while Confirm's script ran on it. It passes.
var errSlotMoved = errors.New("the slot has moved to another node")

// Confirm implements [store.Confirmer]: it waits until as many replicas as
// Options.WaitReplicas have what the master has. Without WaitReplicas it does nothing. It
// is not repeated where the server may have failed, since the next master would confirm
// data that it never had.
func (s *Store) Confirm(ctx context.Context, tenant string) (err error) {
	c := s.begin("Confirm")
	defer func() { c.end(0, err) }()
	if err := store.CheckTrim(tenant, 0); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil || s.wait.replicas == 0 {
		return err
	}
	sp := s.space(tenant)
	args := scriptArgs(s.scripts.confirm, []string{sp.nonces()}, []any{tenant})
	err = s.repeat(ctx, "Confirm", func(ctx context.Context, _ int) error {
		r := newRequest(ctx, &s.scripts.confirm, args)
		_, err := s.send(ctx, sp, r, true)
		if err == nil {
			err = s.confirmation(tenant, r)
		}
		switch { // a slot moves with its data
		case err == nil, redirected(err), goredis.HasErrorPrefix(err, "TRYAGAIN "):
			return err
		case movedMeanwhile(err):
			return errSlotMoved
		}
		return outcome{err}
	})
	return readError(ctx, err)
}

// confirmation reads the reply to a Confirm.
func (s *Store) confirmation(tenant string, r *request) error {
	val, err := r.result()
	if err != nil {
		return err
	}
	switch got, err := parseReply(val, tenant); {
	case err != nil:
		return err
	case !got.is("done", 0):
		return errReply
	case r.acked < s.wait.replicas:
		return errFewReplicas
	}
	return nil
}
