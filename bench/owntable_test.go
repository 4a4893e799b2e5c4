package bench_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/ratios"
	"github.com/rollbook-go/rollbook/store"
)

// The table that a team would write itself: users of tenants, each once. What Rollbook
// checks and keeps beyond that is missing: validation, cases of one ID, a version, words of
// names, users that expire.
const (
	bareTable = `
CREATE TABLE users (
	id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	tenant      text NOT NULL,
	external_id text NOT NULL,
	name        text NOT NULL,
	email       text NOT NULL,
	language    text NOT NULL,
	avatar      text NOT NULL,
	metadata    jsonb NOT NULL,
	created_at  timestamptz NOT NULL DEFAULT now(),
	updated_at  timestamptz NOT NULL DEFAULT now(),
	UNIQUE (tenant, external_id)
)`
	bareUpsert = `
INSERT INTO users (tenant, external_id, name, email, language, avatar, metadata)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant, external_id) DO UPDATE SET
	name = excluded.name, email = excluded.email, language = excluded.language,
	avatar = excluded.avatar, metadata = excluded.metadata, updated_at = now()
RETURNING id`

	// The same with what it takes to find a user by e-mail address or name, to list a
	// tenant's users in their order, and to follow changes.
	fullTable = bareTable + `;
CREATE INDEX ON users (tenant, id);
CREATE INDEX ON users (tenant, lower(email));
CREATE INDEX ON users (tenant, lower(name));
CREATE TABLE events (
	id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	tenant  text NOT NULL,
	user_id bigint NOT NULL,
	type    text NOT NULL,
	at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON events (tenant, id)`
	fullUpsert = `
WITH written AS (` + bareUpsert + `, tenant, xmax = 0 AS is_new),
told AS (
	INSERT INTO events (tenant, user_id, type)
	SELECT tenant, id, CASE WHEN is_new THEN 'created' ELSE 'updated' END FROM written
)
SELECT id FROM written`
)

// write is an upsert of a user.
type write func(ctx context.Context, tenant string, s enduser.Spec) error

// ownTable returns the upsert into a table of one's own.
func ownTable(b *testing.B, schema, upsert string) write {
	b.Helper()
	pool := newPool(b)
	if _, err := pool.Exec(b.Context(), schema); err != nil {
		b.Fatal(err)
	}
	return func(ctx context.Context, tenant string, s enduser.Spec) error {
		metadata, err := json.Marshal(s.Metadata)
		if err != nil {
			return err
		}
		var id int64
		return pool.QueryRow(ctx, upsert, tenant, s.ExternalID, s.Name, s.Email, s.Language, s.Avatar, metadata).Scan(&id)
	}
}

// registry returns the upsert of a Manager.
func registry(st store.Store) write {
	users := enduser.New(st, nil)
	return func(ctx context.Context, tenant string, s enduser.Spec) error {
		_, _, err := users.Tenant(tenant).Upsert(ctx, s)
		return err
	}
}

// BenchmarkOwnTable compares a Manager's upserts, on SQLite with synchronous=FULL and on
// PostgreSQL, with those into a table of one's own on PostgreSQL: with 64 callers, and what
// a lone caller waits. Half of the users are new.
func BenchmarkOwnTable(b *testing.B) {
	for _, bench := range []struct {
		name    string
		tenants int64
	}{{"tenants=1", 1}, {"tenants=100", 100}} {
		b.Run(bench.name, func(b *testing.B) { benchmarkOwnTable(b, bench.tenants) })
	}
}

func benchmarkOwnTable(b *testing.B, tenants int64) {
	b.Helper()
	const callers, length = 64, 2 * time.Second
	side := func(w write) call {
		c := &crowd{tenants: tenants}
		upsert := func(ctx context.Context, rng *rand.Rand) error {
			tenant, spec := c.next(rng)
			return w(ctx, tenant, spec)
		}
		run(b, callers, length/2, upsert) // users to rewrite, connections, plans
		return upsert
	}
	bare, full := side(ownTable(b, bareTable, bareUpsert)), side(ownTable(b, fullTable, fullUpsert))
	sqlite, pg := side(registry(openSQLite(b))), side(registry(openPostgres(b)))
	var r ratios.Set
	for b.Loop() {
		for range ratios.Passes(b) {
			rates := inTurns(b, callers, length, bare, sqlite, full, pg)
			for i, name := range []string{"bare/s", "sqlite/s", "full/s", "pg/s"} {
				r.Add(name, rates[i])
			}
			r.Add("sqlite-x-bare", rates[1]/rates[0])
			r.Add("sqlite-x-full", rates[1]/rates[2])
			r.Add("pg-x-bare", rates[3]/rates[0])
			r.Add("pg-x-full", rates[3]/rates[2])

			p50 := run(b, 1, length, bare, pg)
			r.Add("p50-pg-of-bare", p50[1].quantile(0.50)/p50[0].quantile(0.50))
		}
	}
	r.Report(b)
}
