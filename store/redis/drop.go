package redis

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

// dropKinds is how many kinds one script of Drop forgets.
const dropKinds = 200

// Drop implements [store.Dropper]. It takes two round trips for each 200 kinds. The last
// script forgets all that a reader can find, at once and in the same time for a feed of any
// length: the server gives the memory back beside its other work. If Drop ends before that,
// nothing is forgotten, and it can be repeated.
//
// Lists of index terms in which a damaged record was left behind by its removal stay, and are
// skipped. Verify finds them, and mends.
func (s *Store) Drop(ctx context.Context, tenant string) (err error) {
	c := s.begin("Drop")
	defer func() { c.end(0, err) }()
	if err := store.CheckDrop(tenant); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &write{store: s, space: s.space(tenant), method: "Drop", script: &s.scripts.drop}
	p := dropPlan(newNonce())
	w.plan = p
	for {
		kinds, err := s.kindsAfter(ctx, w.space, "Drop", "", dropKinds)
		if err != nil {
			return w.end(ctx, err)
		}
		keys, args := p.command(w.space, kinds, s.wait.replicas > 0)
		if w.args != nil {
			args[againAt] = "1" // an attempt of the script before may be late
		}
		w.command(scriptArgs(s.scripts.drop, keys, args), len(keys))
		left, err := w.run(ctx)
		switch {
		case err != nil:
			return err
		case left == 0:
			return nil
		}
		w.maybe = false // what was done is not seen
	}
}

// dropPlan is the nonce of a Drop.
type dropPlan string

// command returns the keys and arguments of drop.lua.
func (p dropPlan) command(sp space, kinds []string, waits bool) (keys []string, args []any) {
	keys = append(sp.fixed(tenantTag(sp.tenant)), sp.queue())
	args = []any{sp.tenant, string(p), "0", writeFlags(waits)}
	for _, kind := range kinds {
		keys = append(keys, sp.kind(kind), sp.due(kind))
		args = append(args, kind, queueMember(kind, sp.tenant))
	}
	return keys, args
}

// outcome reads the reply of drop.lua. The revision is 0 if the tenant is forgotten.
func (p dropPlan) outcome(val any) (store.Revision, error) {
	got, err := parseReply(val, string(p))
	if err != nil {
		return 0, err
	}
	switch {
	case got.is("done", 0):
		return 0, nil
	case got.is("more", 0):
		return 1, nil
	case got.is("stale", 2):
		return 0, outcome{&store.StaleError{Op: -1, Require: -1}}
	case got.is("dead", 0):
		return 0, outcome{errDead}
	}
	return 0, outcome{unknown(errReply)}
}

// writeFlags returns the flags that write.lua reads, for scripts that have no others.
func writeFlags(waits bool) string {
	if waits {
		return "001"
	}
	return "000"
}
