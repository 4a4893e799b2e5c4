package enduser

import "context"

// DeleteTenantOptions are the settings of [Manager.DeleteTenant].
type DeleteTenantOptions struct {
	// Progress is called with the number of records deleted so far. The deletion waits for it.
	Progress func(records int)
}

// DeletedTenant says what [Manager.DeleteTenant] did.
type DeletedTenant struct {
	Records int // deleted by this call: users, groups, and all that belongs to them

	// NameStays: the store cannot forget a tenant (it is no [store.Dropper]). The name
	// stays, and of each feed the last change, with the ID of a user or group.
	NameStays bool
}

// DeleteTenant deletes a tenant in all its environments for good: users, groups, sensitive
// values, webhooks, kept answers, changes, and the name. Webhooks go first: they get no events
// about it. A tenant that does not exist is not an error.
//
// Nobody may write to the tenant meanwhile, else DeleteTenant returns ErrInUse. Take its
// credentials away first. After ErrInUse, any other error, or a kill, call it again: it
// deletes what is left. It works in small steps, between which other tenants have their
// turns.
//
// A tenant of that name that is written to afterwards is a new one. To it, positions of the
// former one are ErrTrimmed, versions are ErrVersion, and webhook IDs and idempotency keys are
// unknown.
//
// Bytes of deleted data can remain in files of the database; see [store.Scrubber].
func (m *Manager) DeleteTenant(ctx context.Context, name string, opts *DeleteTenantOptions) (DeletedTenant, error) {
	return DeletedTenant{}, ErrUnavailable
}
