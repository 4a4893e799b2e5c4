// Package contract holds the native routes to their OpenAPI document with a
// validator that somebody else wrote, and mounts them in routers that others use.
// It is a module of its own so that none of these is a dependency of Rollbook.
package contract
