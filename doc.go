// Package rollbook is the front page of a module that keeps registries of end
// users: the users of your customers, for many tenants, inside your own server,
// on memory, SQLite or Redis. It has no code; import the packages below.
//
// The storage layer is what exists so far:
//
//   - [github.com/rollbook-go/rollbook/store] is the record contract: the seven
//     methods and the rules that a database has to keep. Start here.
//   - [github.com/rollbook-go/rollbook/store/memory] keeps records in the
//     process. For tests, and for data that may be lost.
//   - [github.com/rollbook-go/rollbook/store/sqlite] keeps them in one file, for
//     one host.
//   - [github.com/rollbook-go/rollbook/store/redis] keeps them in a Redis server
//     or a Redis Cluster, for many hosts.
//   - [github.com/rollbook-go/rollbook/store/storetest] is the conformance kit
//     for whoever writes another store.
//
// A program that imports one backend links no other.
package rollbook
