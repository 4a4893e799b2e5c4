package redis

import (
	"context"
	_ "embed"
	"slices"
	"strconv"

	goredis "github.com/redis/go-redis/v9"
)

// script is a Lua script and the hash by which a server that has seen it runs it.
type script struct{ source, sha string }

type scripts struct {
	apply, imports, drop, get, changes, trim, confirm, probe script
	ids, record, stray, queue, tenant                        script // of Verify
}

func newScripts() scripts {
	named := func(source string) script {
		return script{source: source, sha: goredis.NewScript(source).Hash()}
	}
	return scripts{
		apply:   named(writeSource + applySource),
		imports: named(writeSource + importSource),
		drop:    named(writeSource + dropSource),
		get:     named(getSource),
		changes: named(changesSource),
		trim:    named(trimSource),
		confirm: named(confirmSource),
		probe:   named(probeSource),
		ids:     named(idsSource),
		record:  named(recordSource),
		stray:   named(straySource),
		queue:   named(queueSource),
		tenant:  named(tenantSource),
	}
}

//go:embed write.lua
var writeSource string

//go:embed apply.lua
var applySource string

//go:embed import.lua
var importSource string

//go:embed drop.lua
var dropSource string

//go:embed get.lua
var getSource string

//go:embed changes.lua
var changesSource string

//go:embed trim.lua
var trimSource string

//go:embed confirm.lua
var confirmSource string

//go:embed probe.lua
var probeSource string

//go:embed ids.lua
var idsSource string

//go:embed record.lua
var recordSource string

//go:embed stray.lua
var straySource string

//go:embed queue.lua
var queueSource string

//go:embed tenant.lua
var tenantSource string

// readScript runs a script that only reads and returns its reply.
func (s *Store) readScript(ctx context.Context, sp space, method string, class class, sc script, keys []string, args ...any) (reply, error) {
	if err := ctx.Err(); err != nil {
		return reply{}, err
	}
	var got reply
	err := s.repeat(ctx, method, func(ctx context.Context, _ int) error {
		r := newRequest(ctx, &sc, scriptArgs(sc, keys, append([]any{sp.tenant}, args...)))
		r.class = class
		if _, err := s.send(ctx, sp, r, false); err != nil {
			return err
		}
		val, err := r.result()
		if err != nil {
			return err
		}
		got, err = parseReply(val, sp.tenant)
		return err
	})
	return got, readError(ctx, err)
}

func scriptArgs(sc script, keys []string, args []any) []any {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, "evalsha", sc.sha, strconv.Itoa(len(keys)))
	for _, k := range keys {
		all = append(all, k)
	}
	return append(all, args...)
}

// bySource returns cmd, which runs a script by its hash, with the script's text instead.
func bySource(ctx context.Context, cmd *goredis.Cmd, s script) *goredis.Cmd {
	args := slices.Clone(cmd.Args())
	args[0], args[1] = "eval", s.source
	return goredis.NewCmd(ctx, args...)
}
