// Package moving tests how an installation changes its store: all tenants go from a store in
// memory to SQLite, to a Redis Cluster, and to SQLite again, by processes that are killed on the
// way. Whatever clients have kept stays good, and webhooks get what is still to come. It also
// tests how a tenant is deleted by such processes.
//
// It has nothing but tests. The test binary starts itself again for each process; see job. The
// module store/postgres runs them with PostgreSQL among the stores.
package moving
