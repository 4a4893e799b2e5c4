// Package apitest is the kit for tests of families of routes:
//
//   - World is what a handler works on: users, a clock that stands still, credentials.
//   - Backends and Embedded run a test on every store.
//   - Send is the client; StateOf is a snapshot of what is stored.
//   - Family asserts what all families must do alike, for every route.
//   - Replay plays recorded exchanges.
package apitest

import (
	"crypto/rand"
	"net/http"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/store"
)

// The credentials of a World.
const (
	Acme    = "acme-key-0001"
	Other   = "other-key-0001"   // another tenant
	Testing = "testing-key-0001" // acme's other environment
	Reader  = "reader-key-0001"  // acme's, ReadOnly
)

// World has what a handler needs.
type World struct {
	Store store.Store
	Clock *clock.Clock
	Users *enduser.Manager // on the Store and the Clock, with a Keyring
	Auth  httpapi.Authenticator
}

// NewWorld returns a World on a store, at a fixed time.
func NewWorld(tb testing.TB, st store.Store) *World {
	tb.Helper()
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{
		Acme:    {Tenant: "acme", Actor: "crm"},
		Other:   {Tenant: "other", Actor: "crm"},
		Testing: {Tenant: "acme", Environment: enduser.Testing, Actor: "crm"},
		Reader:  {Tenant: "acme", Actor: "reader", ReadOnly: true},
	})
	if err != nil {
		tb.Fatal(err)
	}
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails: crypto/rand
	key, err := enduser.NewKey("k1", secret)
	if err != nil {
		tb.Fatal(err)
	}
	now := clock.At(time.Date(2026, 1, 28, 10, 43, 43, 0, time.UTC))
	users := enduser.New(st, &enduser.Options{Now: now.Now, Keyring: enduser.NewKeyring(key)})
	return &World{Store: st, Clock: now, Users: users, Auth: tokens.Authenticate}
}

// Handler makes the handler that is tested.
type Handler func(tb testing.TB, w *World) http.Handler
