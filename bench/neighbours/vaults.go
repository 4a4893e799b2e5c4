package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
)

// vaults are users with the most sensitive values that one may have, all of which have
// expired, and the sweeps that delete them.
type vaults struct {
	users  *enduser.Manager
	tenant enduser.Tenant // its clock is behind
	ids    []string
}

func newVaults(ctx context.Context, users, late *enduser.Manager, n int) (*vaults, error) {
	v := &vaults{users, late.Tenant("vaults"), make([]string, n)}
	return v, each(ctx, 64, n, func(ctx context.Context, i int) error {
		u, err := v.tenant.Create(ctx, ordinary(i))
		v.ids[i] = u.ID
		return err
	})
}

// round fills all vaults and sweeps.
func (v *vaults) round(ctx context.Context, t *tally) error {
	value := enduser.NewSecret(enduser.String(strings.Repeat("s", 4<<10)))
	err := each(ctx, 16, len(v.ids), func(ctx context.Context, i int) error {
		_, err := v.tenant.Update(ctx, enduser.ByID(v.ids[i]), func(e *enduser.Edit) error {
			for n := range 128 {
				e.SetSensitive(fmt.Sprint("key-", n), value)
			}
			return nil
		})
		return err
	})
	if err == nil {
		_, err = v.users.Sweep(ctx)
	}
	if err == nil {
		t.Done++
	}
	return err
}
