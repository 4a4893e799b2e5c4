package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
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

// obey does what it reads, a line each, and answers: "rest" returns memory that is not
// needed, "begin" begins the load and "end" ends it.
func (v *vaults) obey(ctx context.Context, orders io.Reader, answers io.Writer) error {
	out := json.NewEncoder(answers)
	end := func() (tally, error) { return tally{}, nil }
	for scan := bufio.NewScanner(orders); scan.Scan(); {
		var load tally
		var err error
		switch scan.Text() {
		case "rest":
			debug.FreeOSMemory()
		case "begin":
			end = v.begin(ctx)
		case "end":
			load, err = end()
		}
		if err := errors.Join(err, out.Encode(load)); err != nil {
			return err
		}
	}
	return nil
}

// begin begins the load.
func (v *vaults) begin(ctx context.Context) (end func() (tally, error)) {
	ctx, cancel := context.WithCancel(ctx)
	var t tally
	over := make(chan error, 1)
	go func() {
		var err error
		for err == nil && ctx.Err() == nil {
			if err = v.round(ctx); err == nil {
				t.Done++
			}
		}
		if ctx.Err() != nil {
			err = nil
		}
		over <- err
	}()
	return func() (tally, error) {
		cancel()
		err := <-over
		return t, err
	}
}

// round fills all vaults and sweeps.
func (v *vaults) round(ctx context.Context) error {
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
	return err
}
