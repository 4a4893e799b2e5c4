// Package family has what the families of routes have in common, the native one
// included: the steps in front of every route, and what errors of the domain become.
//
// Package httpapi sets it up for the native routes, and package vendor for those that
// speak the wire formats of other products.
package family
