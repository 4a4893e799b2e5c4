package postgres

import (
	"context"

	"github.com/rollbook-go/rollbook/store"
)

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	return store.Record{}, store.ErrUnavailable
}

// Apply implements [store.Store].
func (s *Store) Apply(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
	return 0, store.ErrUnavailable
}

// List implements [store.Store].
func (s *Store) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	return store.Page{}, store.ErrUnavailable
}

// Changes implements [store.Store].
func (s *Store) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	return store.ChangePage{}, store.ErrUnavailable
}

// Due implements [store.Store].
func (s *Store) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	return store.DuePage{}, store.ErrUnavailable
}

// Tenants implements [store.Store].
func (s *Store) Tenants(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	return store.TenantPage{}, store.ErrUnavailable
}

// Count implements [store.Counter].
func (s *Store) Count(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error) {
	return store.Counted{}, store.ErrUnavailable
}

// Trim implements [store.Store].
func (s *Store) Trim(ctx context.Context, tenant string, through store.Revision) error {
	return store.ErrUnavailable
}

// Get implements [store.Store].
func (t *Tx) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	return store.Record{}, store.ErrUnavailable
}

// Apply implements [store.Store].
func (t *Tx) Apply(ctx context.Context, tenant string, batch store.Batch) (store.Revision, error) {
	return 0, store.ErrUnavailable
}

// List implements [store.Store].
func (t *Tx) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	return store.Page{}, store.ErrUnavailable
}

// Changes implements [store.Store].
func (t *Tx) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	return store.ChangePage{}, store.ErrUnavailable
}

// Due implements [store.Store].
func (t *Tx) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	return store.DuePage{}, store.ErrUnavailable
}

// Tenants implements [store.Store].
func (t *Tx) Tenants(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	return store.TenantPage{}, store.ErrUnavailable
}

// Count implements [store.Counter].
func (t *Tx) Count(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error) {
	return store.Counted{}, store.ErrUnavailable
}

// Trim implements [store.Store].
func (t *Tx) Trim(ctx context.Context, tenant string, through store.Revision) error {
	return store.ErrUnavailable
}

// Wait implements [store.Waiter].
func (s *Store) Wait(ctx context.Context, tenant string, after store.Revision) error {
	return store.ErrUnavailable
}
