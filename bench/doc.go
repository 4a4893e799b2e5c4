// Package bench measures Rollbook against what people would pick instead: a PocketBase
// with a collection that keeps the same, an HTTP handler that does nothing, a PostgreSQL
// table of one's own, Badger. It is a module of its own, so that none of them stands in the
// library's go.mod.
//
//	go test -run '^$' -bench . -benchtime 1x .
//
// Both sides of a ratio are measured in one run, in turns, on one disk. The HTTP servers are
// processes of their own on loopback; their databases are SQLite files with WAL and
// synchronous=NORMAL, and both check a credential and their input.
//
// The command in table prints what all benchmarks of the project come to, beside their
// targets. The one in neighbours measures what tenants do to one another, and the one in
// mutants which changes of the code no test notices.
package bench
