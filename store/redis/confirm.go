package redis

import (
	"context"
	"errors"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
)

// errFewReplicas: fewer replicas than asked for have what the master has.
var errFewReplicas = errors.New("fewer replicas than WaitReplicas have it")

// Confirm implements [store.Confirmer]: it waits until as many replicas as
// Options.WaitReplicas have what the master has. Without WaitReplicas it does nothing. It
// is not repeated where the server may have failed: the next master would confirm what it
// never had.
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
	args := scriptArgs(s.scripts.confirm, []string{sp.nonce("confirm")}, []any{tenant})
	err = s.repeat(ctx, "Confirm", func(ctx context.Context, _ int) error {
		r := &request{
			ctx:    ctx,
			cmds:   []*goredis.Cmd{goredis.NewCmd(ctx, args...)},
			script: &s.scripts.confirm,
			done:   make(chan struct{}),
		}
		_, err := s.send(ctx, sp, r, true)
		if err == nil {
			err = s.confirmation(tenant, r)
		}
		if err == nil || redirected(err) || goredis.HasErrorPrefix(err, "TRYAGAIN ") { // a slot moves with its data
			return err
		}
		return outcome{err}
	})
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return unavailable(err)
}

// confirmation reads the answer to a Confirm.
func (s *Store) confirmation(tenant string, r *request) error {
	val, err := r.cmds[0].Result()
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

// confirmed is the error of an Apply that was answered. As many replicas as the store waits
// for have to have what the answer rests on; else the call is repeated. A refusal too tells
// of a state: of one that no replica has nobody may be told, since after a failover it
// would be wrong.
func (w *write) confirmed(r *request, err error) error {
	var refusal outcome
	switch {
	case r.acked >= w.store.wait.replicas:
		return err
	case err == nil:
		w.maybe = true
		return errFewReplicas
	case !errors.As(err, &refusal), errors.Is(err, errMoved), errors.As(err, new(*unlistedError)),
		errors.Is(err, store.ErrUnknown):
		return err // nothing that anybody is told of a state
	}
	return errFewReplicas
}
