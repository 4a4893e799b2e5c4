// Package arrows tests what may import what: the arrows of docs/design.md, and
// the closure of the packages that promise to link no database. It also tests
// that the Makefile names every nested module. It has no code of its own.
//
// .golangci.yml says the same of single files. The tests here see whole graphs,
// on every platform, and need no tool but Go.
package arrows
