package manage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
)

// KeyringShow lists the keys.
type KeyringShow struct {
	backend.Registry `embed:""`

	Count bool `help:"Count the secrets in the store under each key. That reads every group, webhook and sensitive value."`
}

// keyRow is a key as the command shows it.
type keyRow struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	Made    string `json:"made,omitempty"`
	Until   string `json:"until,omitempty"`
	Secrets *int   `json:"secrets,omitempty"`
}

// Run lists the keys in the order in which they were made, and then those that secrets need and
// the keyring does not have.
func (c *KeyringShow) Run(ctx context.Context, env *cli.Env) error {
	keys, err := c.keys(ctx, env)
	if err != nil {
		return err
	}
	var counts map[string]int
	if c.Count {
		err := c.Use(ctx, env, false, func(users *enduser.Manager) (err error) {
			counts, err = users.CountSealed(ctx)
			return err
		})
		if err != nil {
			return err
		}
	}
	columns := []string{"KEY", "KIND", "MADE", "UNTIL"}
	if c.Count {
		columns = append(columns, "SECRETS")
	}
	table := env.Table(columns...)
	for _, r := range keyRows(keys, counts) {
		cells := []string{r.ID, r.Kind, r.Made, r.Until}
		if c.Count {
			n := counts[r.ID]
			r.Secrets = &n
			cells = append(cells, strconv.Itoa(n))
		}
		if err := table.Row(r, cells...); err != nil {
			return err
		}
	}
	return table.End()
}

// keys reads the keyring. One that is shared is only read.
func (c *KeyringShow) keys(ctx context.Context, env *cli.Env) ([]keyfile.KeyInfo, error) {
	if path, shared := c.Keyring.File(&c.Store); shared {
		ring, err := keyfile.OpenShared(path)
		if err != nil {
			return nil, fmt.Errorf("-keyring shared:%s: %w", path, missing(err))
		}
		return ring.Keys(), nil
	}
	ring, err := open(ctx, env, &c.Registry)
	if err != nil {
		return nil, err
	}
	return ring.Keys(ctx)
}

// missing gives the error for a file that does not exist its exit status.
func missing(err error) error {
	if errors.Is(err, keyfile.ErrMissing) {
		return cli.Exit(cli.NotFound, err)
	}
	return err
}

// keyRows returns the keys, and those that are only in the counts.
func keyRows(keys []keyfile.KeyInfo, counts map[string]int) []keyRow {
	var rows []keyRow
	for _, k := range keys {
		kind := "durable"
		switch {
		case k.Primary:
			kind = "primary"
		case k.Epoch:
			kind = "of an hour"
		}
		rows = append(rows, keyRow{ID: k.ID, Kind: kind, Made: second(k.Made), Until: second(k.Until)})
	}
	known := len(rows)
	for id := range counts {
		if !slices.ContainsFunc(rows[:known], func(r keyRow) bool { return r.ID == id }) {
			rows = append(rows, keyRow{ID: id, Kind: "missing"})
		}
	}
	slices.SortFunc(rows[known:], func(a, b keyRow) int { return strings.Compare(a.ID, b.ID) })
	return rows
}

// second returns a time in whole seconds, "" for none.
func second(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// KeyringReseal seals secrets anew.
type KeyringReseal struct {
	backend.Registry `embed:""`
}

// watched is a keyring that shows how often it was asked for a key to seal under.
type watched struct {
	enduser.Keyring
	progress *cli.Progress

	mu     sync.Mutex // also while it is shown: the last one is the highest
	sealed int64
}

// SealingKey implements [enduser.Keyring].
func (w *watched) SealingKey(ctx context.Context, deadline time.Time) (enduser.Key, error) {
	w.mu.Lock()
	w.sealed++
	w.progress.Set(w.sealed)
	w.mu.Unlock()
	return w.Keyring.SealingKey(ctx, deadline)
}

// Run seals the secrets. It can be repeated, and passes over those that are under the primary key
// already.
func (c *KeyringReseal) Run(ctx context.Context, env *cli.Env) (err error) {
	if _, err := file(&c.Registry); err != nil {
		return err
	}
	log := env.Warnings()
	st, closer, err := c.OpenExisting(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	ring, err := c.Find(ctx, &c.Store, log)
	if err == nil && ring == nil {
		err = enduser.ErrNoKeyring // the log says why
	}
	if err != nil {
		return err
	}
	progress := env.Progress("secrets looked at", 0)
	users := enduser.New(st, &enduser.Options{Logger: log, Now: env.Now, Keyring: &watched{Keyring: ring, progress: progress}})
	n, err := users.Reseal(ctx)
	progress.End()
	result := struct {
		Resealed int `json:"resealed"`
	}{n}
	err = rejected(err)
	if status := cli.Status(err); status == cli.OK || status == cli.Rejected {
		err = errors.Join(env.Result(result, [2]string{"records sealed anew", strconv.Itoa(n)}), err)
	}
	return err
}

// rejected gives the error of a walk that passed over unreadable records its exit status.
func rejected(err error) error {
	for _, kind := range []error{enduser.ErrCorrupt, enduser.ErrNewer, enduser.ErrNoKey} {
		if errors.Is(err, kind) {
			return cli.Exit(cli.Rejected, fmt.Errorf("some secrets could not be sealed anew: %w", err))
		}
	}
	return err
}

// KeyringRetire destroys a key.
type KeyringRetire struct {
	backend.Registry `embed:""`

	ID string `arg:"" help:"The key."`
}

// Run destroys the key, unless a secret in the store needs it, or may need it because it cannot be
// read.
func (c *KeyringRetire) Run(ctx context.Context, env *cli.Env) error {
	ring, err := open(ctx, env, &c.Registry)
	if err == nil {
		err = c.retirable(ctx, ring)
	}
	if err == nil {
		err = c.Use(ctx, env, false, func(users *enduser.Manager) error {
			counts, err := users.CountSealed(ctx)
			if err == nil && counts[c.ID] > 0 {
				err = cli.Exit(cli.Refused, fmt.Errorf("secrets sealed under the key: %d; run rollbook keyring reseal; "+
					"sensitive values expire within %.0f hours", counts[c.ID], enduser.SensitiveTTL.Hours()))
			}
			return err
		})
	}
	if err == nil {
		err = failed(ring.Retire(ctx, c.ID))
	}
	if err != nil {
		return err
	}
	return env.Result(key{c.ID}, [2]string{"retired", c.ID})
}

// retirable refuses a key that cannot be retired, before the secrets under it are counted.
func (c *KeyringRetire) retirable(ctx context.Context, ring *keyfile.Keyring) error {
	keys, err := ring.Keys(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(keys, func(k keyfile.KeyInfo) bool { return k.ID == c.ID })
	switch {
	case i < 0:
		return failed(enduser.ErrNoKey)
	case keys[i].Primary:
		return failed(keyfile.ErrPrimary)
	case keys[i].Epoch:
		return failed(keyfile.ErrEpoch)
	}
	return nil
}
