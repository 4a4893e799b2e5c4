// Package bench measures Rollbook's example server against its peers over HTTP: a
// PocketBase with a collection that keeps the same, and a handler that does
// nothing. It is a module of its own, so that nothing of PocketBase stands in the
// library's go.mod. The command in neighbours measures what tenants do to one another.
//
//	go test -run '^$' -bench . -benchtime 1x .
//
// All servers run as processes of their own on loopback, one at a time under load,
// in turns; the figures are medians of ratios. Both databases are SQLite files with
// WAL and synchronous=NORMAL, both check a credential and their input.
package bench
