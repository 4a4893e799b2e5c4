package enduser

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

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
// deletes what is left. If ErrInUse comes again although nobody writes, a damaged record is in
// no list: see [store.Verifier]. DeleteTenant works in small steps, between which other tenants
// have their turns. Inside a transaction of the host it returns ErrInTransaction.
//
// A tenant of that name that is written to afterwards is a new one. To it, positions of the
// former one are ErrTrimmed, versions are ErrVersion, and webhook IDs and idempotency keys are
// unknown.
//
// Bytes of deleted data can remain in files of the database; see [store.Scrubber].
func (m *Manager) DeleteTenant(ctx context.Context, name string, opts *DeleteTenantOptions) (DeletedTenant, error) {
	if _, err := m.Tenant(name).begin(); err != nil {
		return DeletedTenant{}, err
	}
	if store.InTransaction(m.store) {
		return DeletedTenant{}, translate("delete a tenant", store.ErrInTransaction)
	}
	d := tenantDeletion{m: m}
	if opts != nil {
		d.progress = opts.Progress
	}
	var names []string
	for _, env := range [...]Environment{Customer, Testing} {
		names = append(names, storeTenant(name, env, false), storeTenant(name, env, true))
	}
	err := d.all(ctx, names)
	_, drops := store.As[store.Dropper](m.store)
	return DeletedTenant{Records: d.records, NameStays: !drops}, err
}

// tenantDeletion is one call of DeleteTenant.
type tenantDeletion struct {
	m        *Manager
	progress func(records int)
	records  int // deleted
}

// deletedAtOnce is how many records one write deletes. Others wait for it.
const deletedAtOnce = 64

// all deletes the tenants with these names in the store.
func (d *tenantDeletion) all(ctx context.Context, names []string) error {
	ofWebhooks := func(kind string) bool { return strings.HasPrefix(kind, kindWebhook) }
	for _, webhooks := range [...]bool{true, false} {
		for _, name := range names {
			kinds, err := d.kinds(ctx, name)
			if err != nil {
				return err
			}
			for _, kind := range kinds {
				if ofWebhooks(kind) != webhooks {
					continue
				}
				if err := d.kind(ctx, name, kind); err != nil {
					return err
				}
			}
		}
	}
	for _, name := range names {
		if err := d.forget(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// kinds returns the kinds of which a tenant may have records, in an order in which a webhook goes
// before the records of its deliveries, so that nobody begins more, and a user after its sensitive values.
func (d *tenantDeletion) kinds(ctx context.Context, name string) ([]string, error) {
	kinds, ok, err := store.Kinds(ctx, d.m.store, name)
	if err != nil {
		return nil, translate("list kinds", err)
	}
	if !ok {
		for _, k := range d.m.kinds {
			kinds = append(kinds, k.name)
		}
	}
	slices.Sort(kinds)
	return kinds, nil
}

// kind deletes the records of a kind, up to the newest that there is at the beginning.
func (d *tenantDeletion) kind(ctx context.Context, name, kind string) error {
	newest, err := d.newest(ctx, name, kind)
	if err != nil {
		return err
	}
	q := store.Query{Kind: kind, Before: newest + 1, Limit: store.MaxLimit}
	for races := 0; ; {
		page, err := d.m.store.List(ctx, name, q)
		if err != nil {
			return translate("list", err)
		}
		ids := page.Damaged
		for i := range page.Records {
			ids = append(ids, page.Records[i].ID)
		}
		switch err := d.remove(ctx, name, kind, ids); {
		case lost(err) && races < maxAttempts: // a sweep was faster; the list does not have those any more
			races++
			continue
		case err != nil:
			return translate("delete", err)
		}
		if races, q.After = 0, page.Next; q.After == 0 {
			return nil
		}
	}
}

// newest returns the revision at which the newest record of a kind was created. Damaged ones
// beyond it have no revision that a list could end at: it deletes them.
func (d *tenantDeletion) newest(ctx context.Context, name, kind string) (store.Revision, error) {
	for q := (store.Query{Kind: kind, Desc: true, Limit: 1}); ; {
		page, err := d.m.store.List(ctx, name, q)
		if err != nil {
			return 0, translate("list", err)
		}
		if err := d.remove(ctx, name, kind, page.Damaged); err != nil && !lost(err) {
			return 0, translate("delete", err)
		}
		if len(page.Records) > 0 {
			return page.Records[0].Created, nil
		}
		if q.Before = page.Next; q.Before == 0 {
			return 0, nil
		}
	}
}

// remove deletes records without a trace in the feed, a few at a time.
func (d *tenantDeletion) remove(ctx context.Context, name, kind string, ids []string) error {
	for some := range slices.Chunk(ids, deletedAtOnce) {
		ops := make([]store.Op, len(some))
		for i, id := range some {
			ops[i] = store.Remove(id, kind, nil)
		}
		if _, err := d.m.store.Apply(ctx, name, store.Ops(ops...)); err != nil {
			return err
		}
		if d.records += len(some); d.progress != nil {
			d.progress(d.records)
		}
	}
	return nil
}

// forget deletes the feed and the name of a tenant that has no records any more.
func (d *tenantDeletion) forget(ctx context.Context, name string) error {
	last, err := d.m.storeTenant(name).feedOf(name).newest(ctx, ChangeQuery{Desc: true, Limit: 1})
	if err != nil {
		return err
	}
	if through := last.Position.revision; through > 0 { // in steps: a Drop of a long feed may be one
		if err := d.m.store.Trim(ctx, name, store.Revision(through)); err != nil {
			return translate("trim changes", err)
		}
	}
	if err := d.m.forgetInPass(ctx, name); err != nil {
		return err
	}
	if s, ok := store.As[store.Dropper](d.m.store); ok {
		err := s.Drop(ctx, name)
		if lost(err) {
			return ErrInUse
		}
		return translate("drop", err)
	}
	kinds, err := d.kinds(ctx, name)
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		page, err := d.m.store.List(ctx, name, store.Query{Kind: kind, Limit: 1})
		if err != nil {
			return translate("list", err)
		}
		if len(page.Records)+len(page.Damaged) > 0 || page.Next != 0 {
			return ErrInUse
		}
	}
	return nil
}

// forgetInPass takes a tenant's name out of the record of the pass over all tenants.
func (m *Manager) forgetInPass(ctx context.Context, name string) error {
	for range maxAttempts {
		r, err := m.store.Get(ctx, ownTenant, store.ID(retentionID))
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDamaged) {
			return nil
		}
		if err != nil {
			return translate("get", err)
		}
		var p pass
		if p.decode(r.Data); p.after != name {
			return nil
		}
		p.after = "" // the next slice begins a new pass
		_, err = m.store.Apply(ctx, ownTenant, store.Ops(store.Replace(r, p.encode(r.Due), nil)))
		if !lost(err) {
			return translate("retain", err)
		}
	}
	return ErrContended
}
