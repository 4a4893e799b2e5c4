// Package postgres keeps records in a schema of a PostgreSQL database, through pgx v5.
// [Open] makes a pool of its own; [New] uses the host's. [Store.In] reads and writes inside
// a transaction of the host.
package postgres
