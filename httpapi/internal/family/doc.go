// Package family has what all families of routes share, the native one included: rights and
// rates, conditions, and the problems that errors of package enduser become.
//
// Package httpapi sets it up for the native routes, and package vendor for those that
// speak the wire formats of other products.
package family
