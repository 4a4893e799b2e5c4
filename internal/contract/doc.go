// Package contract tests the native routes against their OpenAPI document with a third-party
// validator, and mounts them in popular routers. It is a module of its own so that none of
// these is a dependency of Rollbook.
package contract
