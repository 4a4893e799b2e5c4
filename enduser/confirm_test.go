package enduser_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/store"
)

// confirming is a store that can lose what a read shows until it was confirmed.
type confirming struct {
	store.Store
	tenants []string // that were asked for
	err     error
}

func (c *confirming) Unwrap() store.Store { return c.Store }

func (c *confirming) Confirm(_ context.Context, tenant string) error {
	c.tenants = append(c.tenants, tenant)
	return c.err
}

// TestConfirm: a call that may write and has written nothing asks the store to confirm
// what its answer rests on, once, and gives the answer only then. One that has written
// asks nothing, nor does one that may not write, or was refused for what it was given.
func TestConfirm(t *testing.T) {
	ctx := t.Context()
	byA, groupA := enduser.ByExternalID("a"), enduser.GroupByExternalID("a")
	nothing := func(*enduser.Edit) error { return nil }
	nobody, noGroup := enduser.ByExternalID("nobody"), enduser.GroupByExternalID("nobody")
	b := enduser.Spec{ExternalID: "b", Email: "a@example.com"}
	no := enduser.IfVersion()
	for name, c := range map[string]struct {
		call func(enduser.Tenant) error
		want error
		asks bool
	}{
		"create":            {func(t enduser.Tenant) error { return second(t.Create(ctx, enduser.Spec{ExternalID: "new"})) }, nil, false},
		"create, taken":     {func(t enduser.Tenant) error { return second(t.Create(ctx, enduser.Spec{ExternalID: "a"})) }, enduser.ErrConflict, true},
		"create, address":   {func(t enduser.Tenant) error { return second(t.With(unique).Create(ctx, b)) }, enduser.ErrConflict, true},
		"create, invalid":   {func(t enduser.Tenant) error { return second(t.Create(ctx, enduser.Spec{ExternalID: " "})) }, enduser.ErrInvalid, false},
		"ensure":            {func(t enduser.Tenant) error { return third(t.Ensure(ctx, enduser.Spec{ExternalID: "new"})) }, nil, false},
		"ensure, known":     {func(t enduser.Tenant) error { return third(t.Ensure(ctx, enduser.Spec{ExternalID: "a"})) }, nil, true},
		"upsert":            {func(t enduser.Tenant) error { return third(t.Upsert(ctx, enduser.Spec{ExternalID: "a", Name: "x"})) }, nil, false},
		"upsert, unchanged": {func(t enduser.Tenant) error { return third(t.Upsert(ctx, enduser.Spec{ExternalID: "a"})) }, nil, true},
		"update":            {func(t enduser.Tenant) error { return second(t.Update(ctx, byA, rename)) }, nil, false},
		"update, unchanged": {func(t enduser.Tenant) error { return second(t.Update(ctx, byA, nothing)) }, nil, true},
		"update, version":   {func(t enduser.Tenant) error { return second(t.Update(ctx, byA, rename, no)) }, enduser.ErrVersion, true},
		"update, nobody":    {func(t enduser.Tenant) error { return second(t.Update(ctx, nobody, rename)) }, enduser.ErrNotFound, true},
		"associate":         {func(t enduser.Tenant) error { return second(t.Associate(ctx, byA)) }, nil, true},
		"delete":            {func(t enduser.Tenant) error { return t.Delete(ctx, byA) }, nil, false},
		"delete, nobody":    {func(t enduser.Tenant) error { return t.Delete(ctx, nobody) }, enduser.ErrNotFound, true},
		"delete, version":   {func(t enduser.Tenant) error { return t.Delete(ctx, byA, no) }, enduser.ErrVersion, true},
		"get":               {func(t enduser.Tenant) error { return second(t.Get(ctx, byA)) }, nil, false},
		"create group": {func(t enduser.Tenant) error {
			return third(t.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "new"}))
		}, nil, false},
		"create group, taken": {func(t enduser.Tenant) error { return third(t.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "a"})) }, enduser.ErrConflict, true},
		"ensure group, known": {func(t enduser.Tenant) error { return third(t.Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: "a"})) }, nil, true},
		"update group, unchanged": {func(t enduser.Tenant) error {
			return second(t.Groups().Update(ctx, groupA, func(*enduser.Group) error { return nil }))
		}, nil, true},
		"rotate":               {func(t enduser.Tenant) error { return third(t.Groups().Rotate(ctx, groupA, 0)) }, nil, false},
		"rotate, version":      {func(t enduser.Tenant) error { return third(t.Groups().Rotate(ctx, groupA, 0, no)) }, enduser.ErrVersion, true},
		"delete group":         {func(t enduser.Tenant) error { return t.Groups().Delete(ctx, groupA) }, nil, false},
		"delete group, nobody": {func(t enduser.Tenant) error { return t.Groups().Delete(ctx, noGroup) }, enduser.ErrNotFound, true},
	} {
		t.Run(name, func(t *testing.T) {
			st := &confirming{Store: backends.Memory(t)}
			acme := newWorld(st).acme
			must(acme.Create(ctx, enduser.Spec{ExternalID: "a", Email: "a@example.com"}))(t)
			made(acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "a"}))(t)
			if len(st.tenants) > 0 {
				t.Errorf("asked for %q", st.tenants)
			}
			before := feed(t, acme)
			st.err = fmt.Errorf("no replica: %w", store.ErrUnavailable)
			err := c.call(acme)
			if !c.asks {
				if err != nil || c.want != nil {
					wantErr(t, name, err, c.want)
				}
				diff(t, "asked for", st.tenants, []string{})
				return
			}
			wantErr(t, "not confirmed", err, enduser.ErrUnavailable)
			diff(t, "asked for", st.tenants, []string{"acme"})
			diff(t, "feed", feed(t, acme), before)
			st.err = nil
			if err := c.call(acme); err != nil || c.want != nil {
				wantErr(t, "confirmed", err, c.want)
			}
		})
	}
}

// TestConfirmShowsNothing: with an answer that cannot be confirmed comes no user or group.
func TestConfirmShowsNothing(t *testing.T) {
	ctx := t.Context()
	st := &confirming{Store: backends.Memory(t)}
	acme := newWorld(st).acme
	must(acme.Create(ctx, enduser.Spec{ExternalID: "a", ExpiresIn: time.Hour}))(t)
	made(acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "a"}))(t)
	st.err = store.ErrUnavailable
	u, _, err := acme.Ensure(ctx, enduser.Spec{ExternalID: "a", ExpiresIn: time.Hour})
	if err == nil || u.ID != "" {
		t.Errorf("%v, %v", u, err)
	}
	g, _, err := acme.Groups().Ensure(ctx, enduser.GroupSpec{ExternalID: "a"})
	if err == nil || g.ID != "" {
		t.Errorf("%v, %v", g, err)
	}
}
