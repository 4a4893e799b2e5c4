// Package browser has the tests of the console that need a browser, or another router than that of
// the standard library.
package browser
