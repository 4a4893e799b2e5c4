package storetest

import (
	"context"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Stingy returns a store over s whose pages are as small as the contract allows. A page of
// List, Changes, Due or Tenants has at most one item. Every second page, beginning with the
// first, is empty and has a Next, if there is a place before the next item that Next can
// name. Code that takes a short page for the last, or an empty one for the end, fails its
// tests over this store.
//
// It is a store like any other and passes Run if s does. It counts by listing and waits
// as s does. What else of the optional interfaces s has, store.As finds, but no
// store.Confirmer. Each of its calls makes up to three calls of s.
func Stingy(s store.Store) store.Store {
	inner := store.Store(listed{s}) // callers would find the Counter of s
	if w, ok := store.As[store.Scrubber](s); ok {
		inner = scrubs{under{inner}, w}
	}
	if w, ok := store.As[store.Importer](s); ok {
		inner = imports{under{inner}, w}
	}
	if w, ok := store.As[store.Dropper](s); ok {
		inner = drops{under{inner}, w}
	}
	if w, ok := store.As[store.KindLister](s); ok {
		inner = listsKinds{under{inner}, w}
	}
	if w, ok := store.As[store.Verifier](s); ok {
		inner = verifies{under{inner}, w}
	}
	if w, ok := store.As[Damager](s); ok {
		inner = damages{under{inner}, w}
	}
	if w, ok := store.As[Corrupter](s); ok {
		inner = corrupts{under{inner}, w}
	}
	return &stingy{Store: s, inner: inner}
}

// under is a store inside another. Those below have one optional interface each.
type under struct{ store.Store }

// Unwrap returns the store.
func (u under) Unwrap() store.Store { return u.Store }

type (
	scrubs struct {
		under
		store.Scrubber
	}
	imports struct {
		under
		store.Importer
	}
	drops struct {
		under
		store.Dropper
	}
	listsKinds struct {
		under
		store.KindLister
	}
	verifies struct {
		under
		store.Verifier
	}
	damages struct {
		under
		Damager
	}
	corrupts struct {
		under
		Corrupter
	}
)

type stingy struct {
	store.Store
	inner store.Store // has the optional interfaces
}

// Unwrap returns what has the optional interfaces.
func (s *stingy) Unwrap() store.Store { return s.inner }

// List implements store.Store. If the next record lies further on than the next place, an
// empty page goes on right before the record.
func (s *stingy) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	if _, err := store.CheckQuery(tenant, q); err != nil {
		return store.Page{}, err
	}
	q.Limit = 1
	page, err := s.Store.List(ctx, tenant, q)
	if err != nil || len(page.Records) == 0 {
		return page, err
	}
	created := page.Records[0].Created
	place, there := before(created, q.After, q.Before, q.Desc)
	if !there {
		return page, nil
	}
	// This page names the damaged records before that record.
	if q.Desc {
		q.After = max(q.After, created)
	} else {
		q.Before = created
	}
	page, err = s.Store.List(ctx, tenant, q)
	if err == nil && page.Next == 0 {
		page.Next = place
	}
	return page, err
}

// before returns the place right before an item of a walk, and whether the walk has yet to
// reach it.
func before(item, after, upTo store.Revision, desc bool) (place store.Revision, there bool) {
	if desc {
		return item + 1, upTo == 0 || item+1 < upTo
	}
	return item - 1, item-1 > after
}

// Changes implements store.Store; see List.
func (s *stingy) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	if _, err := store.CheckChanges(tenant, q); err != nil {
		return store.ChangePage{}, err
	}
	q.Limit = 1
	page, err := s.Store.Changes(ctx, tenant, q)
	if err != nil || len(page.Changes) == 0 {
		return page, err
	}
	if place, there := before(page.Changes[0].Seq, q.After, q.Before, q.Desc); there {
		return store.ChangePage{Next: place, Trimmed: page.Trimmed}, nil
	}
	return page, nil
}

// fed marks a place at which an empty page has been given already. No tenant's name and
// no place of another store begins with it.
const fed = "\x00storetest.Stingy\x00"

// hungry is for walks whose places are not numbers. It returns the place without its mark,
// and where an empty page goes on: the place with the mark. next is "" if an empty page was
// given at the place already, or if the mark does not fit.
func hungry(place string, most int) (ask, next string) {
	ask, marked := strings.CutPrefix(place, fed)
	if marked || len(fed)+len(place) > most {
		return ask, ""
	}
	return ask, fed + place
}

// Due implements store.Store.
func (s *stingy) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	if _, err := store.CheckDueQuery(q); err != nil {
		return store.DuePage{}, err
	}
	var next, from string
	q.After, next = hungry(q.After, store.MaxTenant)
	q.From, from = hungry(q.From, store.MaxPlace)
	q.Limit = 1
	page, err := s.Store.Due(ctx, q)
	switch {
	case err != nil:
		return page, err
	case q.Tenant != "" && from != "":
		return store.DuePage{Tenants: []store.DueTenant{{Tenant: q.Tenant, Next: from}}}, nil
	case q.Tenant == "" && next != "":
		return store.DuePage{Next: next}, nil
	}
	return page, nil
}

// Tenants implements store.Store.
func (s *stingy) Tenants(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	if _, err := store.CheckTenants(q); err != nil {
		return store.TenantPage{}, err
	}
	var next string
	q.After, next = hungry(q.After, store.MaxTenant)
	q.Limit = 1
	page, err := s.Store.Tenants(ctx, q)
	if err == nil && next != "" {
		return store.TenantPage{Next: next}, nil
	}
	return page, err
}

// Wait implements store.Waiter. It polls a store that has no Waiter every millisecond.
func (s *stingy) Wait(ctx context.Context, tenant string, after store.Revision) error {
	if err := store.CheckTrim(tenant, after); err != nil {
		return err
	}
	return store.Wait(ctx, s.Store, tenant, after, time.Millisecond)
}
