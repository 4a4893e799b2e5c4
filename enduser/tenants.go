package enduser

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// TenantInfo is an environment of a tenant that the store knows.
type TenantInfo struct {
	Name        string
	Environment Environment

	// ExactIDs is the [Schema].ExactIDs under which its users were written. What was
	// written under another value is an environment of its own.
	ExactIDs bool

	// Handle is the handle on it. It compares external IDs as ExactIDs says, whatever the
	// schema of the tenant says now.
	Handle Tenant

	Users, Groups, Webhooks Count // see TenantsOptions.Count; expired users are not counted
}

// TenantsOptions are the settings of [Manager.Tenants]. The zero value counts nothing.
type TenantsOptions struct {
	// Count is up to which number users, groups and webhooks are counted, at most 100,000.
	// Each number costs a read. 0: they are not counted.
	Count int
}

// Tenants returns an iterator over the environments of all tenants, in an order of the store's
// own: those that were ever written to and not deleted since, also if they have no users. (A
// store that cannot forget a tenant also has those that were deleted; see
// [Manager.DeleteTenant].) The loop may delete tenants. Any error ends the iteration.
func (m *Manager) Tenants(ctx context.Context, opts *TenantsOptions) iter.Seq2[TenantInfo, error] {
	return func(yield func(TenantInfo, error) bool) {
		most := 0
		if opts != nil {
			most = opts.Count
		}
		if most < 0 || most > store.MaxCount {
			yield(TenantInfo{}, invalidField(Field{Name: "count"}, CodeValue, "must be 0 to 100000"))
			return
		}
		err := m.eachTenant(ctx, func(name string) error {
			info, err := m.tenantInfo(ctx, name, most)
			if err == nil && !yield(info, nil) {
				err = errEnough
			}
			return err
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(TenantInfo{}, err)
		}
	}
}

// errEnough ends a walk whose loop has ended.
var errEnough = errors.New("enduser: enough")

// tenantInfo describes the tenant with a name in the store.
func (m *Manager) tenantInfo(ctx context.Context, name string, most int) (TenantInfo, error) {
	t := m.storeTenant(name)
	info := TenantInfo{Name: t.name, Environment: t.env, ExactIDs: t.exact, Handle: t}
	if most == 0 {
		return info, nil
	}
	for _, of := range [...]struct {
		kind string
		n    *Count
		live time.Time
	}{
		{kindUser, &info.Users, tick(m.millis())},
		{kindGroup, &info.Groups, time.Time{}},
		{kindWebhook, &info.Webhooks, time.Time{}},
	} {
		n, err := store.Count(ctx, m.store, name, store.CountQuery{Kind: of.kind, NotDueBefore: of.live, Cap: most})
		if err != nil {
			return TenantInfo{}, translate("count", err)
		}
		*of.n = Count{n.N, n.Exact}
	}
	return info, nil
}
