package move

import (
	"context"
	"errors"
	"os"
	"strconv"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/store"
)

// Copy copies a whole store into another one.
type Copy struct {
	From string `setting:"" placeholder:"STORE" help:"The store to copy. Nobody may write to it meanwhile."`
	To   string `setting:"" placeholder:"STORE" help:"The store to copy into. It must be empty, or what a copy that was ended has left."`

	// As in backend.Store, for both stores.
	Sync           string `default:"full" enum:"full,normal" help:"What SQLite's writes survive: full (a power cut) or normal (the end of the process)."`
	RedisUnsafe    bool   `help:"Work with a Redis that may drop data or lacks rights."`
	PostgresUnsafe bool   `help:"Work with a PostgreSQL whose settings may lose acknowledged writes."`

	SkipDamaged bool `name:"skip-damaged" help:"Go on without records and changes that cannot be read, instead of ending."`
}

// copied is the result of a copy.
type copied struct {
	Records int `json:"records"`
	Changes int `json:"changes"`
	Skipped int `json:"skipped"`
}

// Run runs the command. The same command takes up a copy that was ended.
func (c *Copy) Run(ctx context.Context, env *cli.Env) (err error) {
	switch {
	case c.From == "":
		return cli.Exit(cli.Usage, errors.New("-from: must be given"))
	case c.To == "":
		return cli.Exit(cli.Usage, errors.New("-to: must be given"))
	case c.same():
		return cli.Exit(cli.Usage, errors.New("-to: is the same store as -from"))
	}
	log := env.Warnings()
	from, closer, err := c.named("-from", c.From).OpenExisting(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	to, closeTo, err := c.named("-to", c.To).OpenOrMake(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeTo.Close()) }()
	result, err := c.copy(ctx, env, to, from)
	switch {
	case errors.Is(err, store.ErrNotEmpty), errors.Is(err, store.ErrSourceChanged):
		return cli.Exit(cli.Refused, err)
	case err != nil:
		return err
	}
	err = env.Result(copied{result.Records, result.Changes, result.Skipped},
		[2]string{"records", strconv.Itoa(result.Records)},
		[2]string{"changes", strconv.Itoa(result.Changes)},
	)
	if err == nil && result.Skipped > 0 {
		err = skipped(result.Skipped)
	}
	return err
}

// same reports whether both stores are one, as far as their names tell. As a copy of itself it would
// seem complete.
func (c *Copy) same() bool {
	from, isFile := c.named("", c.From).File()
	to, isFile2 := c.named("", c.To).File()
	if !isFile || !isFile2 {
		return c.From == c.To
	}
	one, err := os.Stat(from)
	other, err2 := os.Stat(to)
	return from == to || err == nil && err2 == nil && os.SameFile(one, other)
}

func (c *Copy) named(flag, name string) *backend.Store {
	return &backend.Store{Store: name, Sync: c.Sync, RedisUnsafe: c.RedisUnsafe, PostgresUnsafe: c.PostgresUnsafe, Flag: flag}
}

// copy copies, and shows how far that is: every record is written, and then compared.
func (c *Copy) copy(ctx context.Context, env *cli.Env, to, from store.Store) (store.CopyResult, error) {
	records := total(ctx, from)
	progress := env.Progress("copying and comparing", 2*records)
	defer progress.End()
	opts := &store.CopyOptions{
		Progress: func(p store.CopyProgress) {
			done := int64(p.Records)
			if p.Comparing {
				done += records
			} else {
				records = max(records, done)
			}
			progress.Set(done)
		},
	}
	if c.SkipDamaged {
		opts.Damaged = func(f store.Finding) error {
			progress.Note(found(f), "left out: "+line(f))
			return nil
		}
	}
	result, err := store.Copy(ctx, to, from, opts)
	if err == nil { // a copy that was taken up had less to do
		progress.SetOf(2*int64(result.Records), 2*int64(result.Records))
	}
	return result, err
}

// countable is how many tenants total looks at: the first ones of many would say little.
const countable = 1000

// total returns how many records a store has, 0 if it would take long to know.
func total(ctx context.Context, s store.Store) int64 {
	all, tenants := int64(0), 0
	for q := (store.TenantQuery{}); ; {
		page, err := s.Tenants(ctx, q)
		if err != nil {
			return 0
		}
		for _, name := range page.Names {
			if tenants++; tenants > countable {
				return 0
			}
			kinds, _, err := store.Kinds(ctx, s, name)
			if err != nil {
				return 0
			}
			for _, kind := range kinds {
				n, err := store.Count(ctx, s, name, store.CountQuery{Kind: kind, Cap: store.MaxCount})
				if err != nil || !n.Exact {
					return 0
				}
				all += int64(n.N)
			}
		}
		if q.After = page.Next; q.After == "" {
			return all
		}
	}
}
