package enduser

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/store"
)

// Retention says how much of the change feed of each tenant is kept. Where both limits are
// given, both hold. The zero value keeps everything.
type Retention struct {
	Age     time.Duration // changes that are older are trimmed; 0: none for its age
	Changes int           // how many of the newest are kept; 0: any number
}

func (r Retention) limited() bool { return r.Age > 0 || r.Changes > 0 }

const (
	retainEvery = time.Hour        // a pass over all tenants
	retainLease = 5 * time.Minute  // of the process that works on a slice
	retainSlice = 30 * time.Second // after which it hands over
)

// kindRetention is the kind of the one record that says how far the pass over all tenants
// has come. Its due time is a lease while a process works on a slice of them, and the time
// of the next pass otherwise.
const kindRetention = "retention"

// retentionID is the ID of that record, in the tenant ownTenant.
const retentionID = kindRetention

// retain trims the feeds as Options.Retain says, if a pass over all tenants is due and no
// other process is at it. A process that dies leaves its slice to the next one.
func (m *Manager) retain(ctx context.Context) error {
	if !m.retention.limited() {
		return nil
	}
	var failed error // the first error of one tenant
	for {
		p, ours, err := m.claimPass(ctx)
		if err != nil || !ours {
			return cmp.Or(err, failed)
		}
		err = p.slice(ctx, m, &failed)
		if err = cmp.Or(err, p.handOver(ctx, m)); err != nil || p.after == "" {
			return cmp.Or(err, failed)
		}
	}
}

// pass is a pass over all tenants.
type pass struct {
	after string // the name in the store of the tenant that was looked at last
	begun time.Time

	record store.Record
}

// claimPass takes the next slice of the pass over all tenants, if one is due.
func (m *Manager) claimPass(ctx context.Context) (p pass, ours bool, err error) {
	now := m.millis()
	old, err := m.store.Get(ctx, ownTenant, store.ID(retentionID))
	var op store.Op
	switch {
	case err == nil && old.Due.After(now) && old.Due.Before(now.Add(retainEvery+clockTolerance)): // else a wrong clock set it
		return p, false, nil
	case err == nil:
		p.decode(old.Data)
	case errors.Is(err, store.ErrDamaged):
		_, err = m.store.Apply(ctx, ownTenant, store.Ops(store.Remove(retentionID, kindRetention, nil)))
		return p, false, translate("retain", err) // the next sweep begins a pass
	case !errors.Is(err, store.ErrNotFound):
		return p, false, translate("retain", err)
	}
	if p.after == "" || p.begun.IsZero() {
		p.begun = now
	}
	next := p.encode(now.Add(retainLease))
	if op = store.Create(next, nil); err == nil {
		op = store.Replace(old, next, nil)
	}
	revision, err := m.store.Apply(ctx, ownTenant, store.Ops(op))
	if lost(err) {
		return p, false, nil
	}
	p.record = next
	p.record.Revision, p.record.Created = revision, cmp.Or(old.Created, revision)
	return p, err == nil, translate("retain", err)
}

// slice trims the feeds of the next tenants. What fails for one of them does not stop it.
func (p *pass) slice(ctx context.Context, m *Manager, failed *error) error {
	end := m.millis().Add(retainSlice)
	page, err := m.store.Tenants(ctx, store.TenantQuery{After: p.after})
	switch {
	case errors.Is(err, store.ErrInvalid): // no tenant that the store has named
		p.after = ""
		return nil
	case err != nil:
		return translate("retain", err)
	}
	for _, name := range page.Names {
		switch err := m.trimFeed(ctx, name); {
		case ctx.Err() != nil || errors.Is(err, ErrUnavailable):
			return err
		case err != nil && !errors.Is(err, ErrTrimmed): // somebody else trims it
			*failed = cmp.Or(*failed, err)
		}
		if p.after = name; m.millis().After(end) {
			return nil
		}
	}
	p.after = page.Next
	return nil
}

// handOver writes down how far the pass has come. The next slice is due at once, the next
// pass an hour after the beginning of this one.
func (p *pass) handOver(ctx context.Context, m *Manager) error {
	due := m.millis()
	if p.after == "" {
		due = p.begun.Add(retainEvery)
	}
	_, err := m.store.Apply(ctx, ownTenant, store.Ops(store.Replace(p.record, p.encode(due), nil)))
	if lost(err) { // the lease was too short
		return nil
	}
	return translate("retain", err)
}

// trimFeed trims the feed of one tenant.
func (m *Manager) trimFeed(ctx context.Context, name string) error {
	f := m.storeTenant(name).feedOf(name)
	oldest, err := f.oldest(ctx, ChangeQuery{Limit: 1})
	if err != nil || len(oldest.Changes) == 0 {
		return err
	}
	aged, err := f.beforeAge(ctx, oldest, m.millis(), m.retention.Age)
	if err != nil {
		return err
	}
	many, err := f.beforeNewest(ctx, oldest, m.retention.Changes)
	if through := max(aged, many); err == nil && through > oldest.Position.revision {
		err = translate("retain", f.store.Trim(ctx, name, store.Revision(through)))
	}
	return err
}

// beforeAge returns the place of the last change that is older than an age, 0 if there is
// none. Unreadable changes are as old as what follows them.
func (f feed) beforeAge(ctx context.Context, oldest ChangePage, now time.Time, age time.Duration) (int64, error) {
	if age <= 0 {
		return 0, nil
	}
	if oldest.Changes[0].Type == ChangeUnreadable {
		var err error
		if oldest, err = f.oldest(ctx, ChangeQuery{Limit: store.MaxLimit}); err != nil {
			return 0, err
		}
	}
	for i := range oldest.Changes {
		c := &oldest.Changes[i]
		switch {
		case c.Type == ChangeUnreadable:
		case !c.before(now.Add(-age)):
			return 0, nil
		default:
			p, err := f.lastBefore(ctx, c.Position, now.Add(-age))
			return p.revision, err
		}
	}
	return 0, nil
}

// beforeNewest returns the place of the first of the n newest changes, 0 if there are not
// more than n.
func (f feed) beforeNewest(ctx context.Context, oldest ChangePage, n int) (int64, error) {
	if n <= 0 {
		return 0, nil
	}
	q := ChangeQuery{Desc: true, Limit: 1}
	newest, err := f.newest(ctx, q)
	if err != nil || newest.Position.revision-oldest.Position.revision < int64(n) {
		return 0, err
	}
	for {
		q.Limit = min(n, store.MaxLimit)
		page, err := f.newest(ctx, q)
		if err != nil {
			return 0, err
		}
		q.Before = page.Position
		if n -= len(page.Changes); n == 0 {
			return page.Position.revision, nil
		}
		if !page.More {
			return 0, nil
		}
	}
}

func (p *pass) encode(due time.Time) store.Record {
	b := appendText(appendVersions(nil), "after", p.after)
	b = append(appendTime(b, "begun", p.begun), '}')
	return store.Record{ID: retentionID, Kind: kindRetention, Due: due, Data: b}
}

// decode reads the body of the record. If it is unreadable the pass begins anew.
func (p *pass) decode(body []byte) {
	s := jsontext.NewScanner(string(body))
	var v versions
	err := v.end(&s, s.Object(func(name string) (err error) {
		switch name {
		case "after":
			p.after, err = s.String()
		case "begun":
			p.begun, err = scanTime(&s)
		default:
			err = v.other(&s, name)
		}
		return err
	}))
	if err != nil {
		*p = pass{}
	}
}
