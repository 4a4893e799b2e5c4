// Package rollbook is the front page of a module that keeps registries of end
// users: the users of your customers, for many tenants, inside your own server,
// on memory, SQLite, PostgreSQL or Redis. It has no code; import the packages below.
//
//   - [github.com/rollbook-go/rollbook/enduser] is the registry: tenants, users,
//     idempotent upsert, provisional users, changes. Start here.
//   - [github.com/rollbook-go/rollbook/httpapi] serves it over HTTP, as a handler
//     to mount anywhere.
//   - [github.com/rollbook-go/rollbook/store/memory] keeps users in the process.
//     For tests, and for data that may be lost.
//   - [github.com/rollbook-go/rollbook/store/sqlite] keeps them in one file, for
//     one host, and can write inside transactions of the host.
//   - [github.com/rollbook-go/rollbook/store/postgres] keeps them in a schema of a
//     PostgreSQL database, and can write inside transactions of the host. It is a
//     module of its own.
//   - [github.com/rollbook-go/rollbook/store/redis] keeps them in a Redis server
//     or a Redis Cluster, for many hosts.
//   - [github.com/rollbook-go/rollbook/store] is the record contract that the
//     four obey, and [github.com/rollbook-go/rollbook/store/storetest] its
//     conformance kit, for authors of another store.
//
// A program that imports one backend links no other.
package rollbook
