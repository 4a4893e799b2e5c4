package enduser

import (
	"context"
	"iter"
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
	return func(func(TenantInfo, error) bool) {}
}
