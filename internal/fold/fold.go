// Package fold says which texts can be identifiers, when two of them are the same one,
// and what the words of a name are.
//
// It knows Unicode and nothing else: which of these rules hold for a field is said by
// package enduser.
package fold
