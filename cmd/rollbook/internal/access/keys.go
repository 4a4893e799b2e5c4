package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/rollbook-go/rollbook/httpapi"
)

// Keys are the keys of -key and of the file of -keys. They are safe for concurrent use.
type Keys struct {
	flags []*key
	path  string // of the file; empty: none
	now   atomic.Pointer[set]
}

// set is all keys of a time.
type set struct {
	bySum  map[[sha256.Size]byte]*key
	byName map[string]*key // by Principal.Credential
}

func newSet(keys []*key) (*set, error) {
	s := &set{bySum: make(map[[sha256.Size]byte]*key), byName: make(map[string]*key)}
	for _, k := range keys {
		if s.bySum[k.sum] != nil {
			return nil, errTwice
		}
		if name := k.principal.Credential; s.byName[name] != nil {
			return nil, fmt.Errorf("two keys have the name %s", name)
		}
		s.bySum[k.sum], s.byName[k.principal.Credential] = k, k
	}
	return s, nil
}

// Reload reads the file again. If that fails, the keys stay as they were. A key that is no
// longer in the file is refused from then on.
func (k *Keys) Reload() error {
	all := slices.Clone(k.flags)
	if k.path != "" {
		more, err := readFile(k.path)
		if err != nil {
			return fmt.Errorf("-keys: %w", err)
		}
		all = append(all, more...)
	}
	next, err := newSet(all)
	if err != nil {
		return fmt.Errorf("-keys: %s: %w", k.path, err)
	}
	k.now.Store(next)
	return nil
}

// Authenticate is an [httpapi.Authenticator]. It compares hashes in constant time, so that the
// time it takes does not give keys away. The Credential of a principal is the name of the key.
func (k *Keys) Authenticate(_ *http.Request, credential string) (httpapi.Principal, error) {
	if credential == "" {
		return httpapi.Principal{}, httpapi.ErrUnauthorized
	}
	sum := sha256.Sum256([]byte(credential))
	found := k.now.Load().bySum[sum]
	if found == nil || subtle.ConstantTimeCompare(found.sum[:], sum[:]) != 1 {
		return httpapi.Principal{}, httpapi.ErrUnauthorized
	}
	return found.principal, nil
}

// Authorize is for [httpapi.Options]. It refuses what the key of a principal may not do, and
// everything if there is no such key.
func (k *Keys) Authorize(_ context.Context, p httpapi.Principal, a httpapi.Action) error {
	found := k.now.Load().byName[p.Credential]
	if found == nil || found.principal.ReadOnly && a.Write || found.actions != nil && !found.actions[a.Name] {
		return httpapi.ErrForbidden
	}
	return nil
}

// RatesOf is for [httpapi.Options]. It returns nil for a key without rates of its own.
func (k *Keys) RatesOf(p httpapi.Principal) []httpapi.Rate {
	if found := k.now.Load().byName[p.Credential]; found != nil {
		return found.rates
	}
	return nil
}

var errTwice = errors.New("the same key is given twice")
