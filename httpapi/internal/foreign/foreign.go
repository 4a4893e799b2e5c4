// Package foreign turns the settings of package httpapi into those of the families that
// speak the wire formats of other products.
package foreign

import (
	"errors"
	"fmt"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
)

// Host returns the host of the family with that name. What o.Policy leaves zero is as own
// has it. Host fails without users or auth.
func Host(name string, users *enduser.Manager, auth httpapi.Authenticator, o httpapi.Options, own enduser.Policy) (*family.Host, error) {
	if users == nil || auth == nil {
		return nil, errors.New(name + ": new: users and auth are required")
	}
	o.Policy = o.Policy.Or(own)
	native, err := httpapi.New(users, auth, &o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	// The native handler has the settings in the form that all families share. A function
	// of package httpapi that returned them would be part of its API.
	h, ok := native.(interface{ FamilyHost() *family.Host })
	if !ok {
		return nil, errors.New(name + ": new: httpapi.New returned another handler")
	}
	host := h.FamilyHost()
	host.Family = name
	return host, nil
}
