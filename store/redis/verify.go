package redis

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
)

// Verify implements [store.Verifier]. It walks all keys of every master twice with SCAN: first
// for what leads to records, then for records and feeds. Each record is read once, and once more
// for each of its unique keys, its index terms and its Due. What looks damaged is checked again
// in a script, and mended there.
//
// A failover during the walk can hide damage; it makes no findings. What is mended is not
// waited for with WaitReplicas. Verify needs rights that the other methods do not need; see
// the package comment. Without them it returns ErrNotPermitted.
func (s *Store) Verify(ctx context.Context, opts store.VerifyOptions) iter.Seq2[store.Finding, error] {
	return func(yield func(store.Finding, error) bool) {
		c := s.begin("Verify")
		v := &verify{store: s, opts: opts, yield: yield, seen: make(map[store.Finding]struct{})}
		err := store.CheckVerify(opts)
		if err == nil {
			err = v.run(ctx)
		}
		if errors.Is(err, errBrokenOff) {
			c.end(len(v.seen), nil)
			return
		}
		c.end(len(v.seen), err)
		if err != nil {
			yield(store.Finding{}, err)
		}
	}
}

// errBrokenOff: the caller wants no more findings.
var errBrokenOff = errors.New("broken off")

// verify is a Verify under way.
type verify struct {
	store *Store
	opts  store.VerifyOptions
	yield func(store.Finding, error) bool
	seen  map[store.Finding]struct{} // a walk can come to one place several times
	read  int                        // records
}

func (v *verify) run(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := v.walk(ctx, v.strays)
	if err == nil {
		err = v.walk(ctx, v.contents)
	}
	var reply goredis.Error
	if errors.As(err, &reply) && ctx.Err() == nil {
		return permitted(reply)
	}
	return err
}

// report yields a finding.
func (v *verify) report(f store.Finding) error {
	if _, ok := v.seen[f]; ok {
		return nil
	}
	v.seen[f] = struct{}{}
	if !v.yield(f, nil) {
		return errBrokenOff
	}
	return nil
}

// mend is the argument of scripts that mend.
func (v *verify) mend() string {
	if v.opts.Mend {
		return "1"
	}
	return "0"
}

// walk visits all keys below the prefix, or those of one bucket.
func (v *verify) walk(ctx context.Context, visit func(context.Context, storedKey) error) error {
	pattern := escapeGlob(v.store.prefix) + "{*"
	if v.opts.Tenant != "" {
		pattern = escapeGlob(v.store.bucket(bucketOf(v.opts.Tenant), "")) + "*"
	}
	masters, err := v.store.masters(ctx)
	if err != nil {
		return readError(ctx, err)
	}
	for _, m := range masters {
		for cursor := ""; cursor != "0"; {
			var names []string
			cursor, names, err = v.scan(ctx, m.node, "scan", orZero(cursor), "match", pattern, "count", "500")
			if err != nil {
				return err
			}
			for _, name := range names {
				if err := v.visit(ctx, name, visit); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// visit calls visit with a key, unless it is of another tenant.
func (v *verify) visit(ctx context.Context, name string, visit func(context.Context, storedKey) error) error {
	key, ok := v.store.parseKey(name)
	if !ok {
		return v.report(store.Finding{Damage: store.DamagedStructure})
	}
	if v.opts.Tenant != "" && key.space.tenant != "" && key.space.tenant != v.opts.Tenant {
		return nil
	}
	err := visit(ctx, key)
	var reply goredis.Error
	if errors.As(err, &reply) && strings.Contains(reply.Error(), "WRONGTYPE") {
		return v.report(store.Finding{Damage: store.DamagedStructure, Tenant: key.space.tenant})
	}
	return err
}

// scan sends a command to a node, and returns the cursor and the texts of its reply.
func (v *verify) scan(ctx context.Context, node *goredis.Client, args ...any) (cursor string, texts []string, err error) {
	err = v.store.repeat(ctx, "Verify", func(ctx context.Context, _ int) error {
		r := &request{ctx: ctx, cmds: []*goredis.Cmd{goredis.NewCmd(ctx, args...)}, class: short, done: make(chan struct{})}
		if _, err := v.store.lane(node, false).sendAlone(ctx, "", r, func() bool { return false }); err != nil {
			return err
		}
		val, err := r.result()
		if err != nil {
			return err
		}
		cursor, texts, err = scanned(val)
		return err
	})
	return cursor, texts, readError(ctx, err)
}

// scanKey calls see with the parts of a hash or sorted set, which are pairs.
func (v *verify) scanKey(ctx context.Context, sp space, command, key string, see func(pairs []string) error) error {
	for cursor := ""; cursor != "0"; {
		vals, err := v.store.read(ctx, sp, "Verify", short, []any{command, key, orZero(cursor), "count", "128"})
		if err != nil {
			return err
		}
		var pairs []string
		if cursor, pairs, err = scanned(vals[0]); err != nil || len(pairs)%2 != 0 {
			return unavailable(errReply)
		}
		if err := see(pairs); err != nil {
			return err
		}
	}
	return nil
}

// scanned reads the reply to SCAN and its kin.
func scanned(val any) (cursor string, texts []string, err error) {
	list, ok := val.([]any)
	if !ok || len(list) != 2 {
		return "", nil, errReply
	}
	cursor, ok = list[0].(string)
	if _, err := strconv.ParseUint(cursor, 10, 64); !ok || err != nil {
		return "", nil, errReply
	}
	items, _ := list[1].([]any)
	for i, item := range items {
		if score, ok := item.(float64); ok { // as miniredis has it
			items[i] = strconv.FormatFloat(score, 'f', -1, 64)
		}
	}
	texts, err = stringsOf(list[1])
	return cursor, texts, err
}

// orZero returns a cursor to begin or to go on with.
func orZero(cursor string) string {
	if cursor == "" {
		return "0"
	}
	return cursor
}

// escapeGlob returns a pattern that only a text matches.
func escapeGlob(s string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `\`, `\\`).Replace(s)
}
