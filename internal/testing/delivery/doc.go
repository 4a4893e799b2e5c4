// Package delivery tests deliveries to webhooks as they are in the world: by processes of
// their own, over HTTP to a receiver on loopback, from a store that they share. Processes are
// killed at chosen moments.
//
// It has nothing but tests. The test binary starts itself again for each process; see job.
// They run on an SQLite file and on a Redis; the module store/postgres runs them on PostgreSQL.
package delivery
