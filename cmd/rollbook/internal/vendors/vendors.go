// Package vendors reads the users of other products, from files and from their APIs.
package vendors
