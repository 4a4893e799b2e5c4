package storetest

import (
	"context"
	"iter"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// verifying changes the findings of Verify; with false one is left out.
func verifying(change func(b *broken, opts store.VerifyOptions, f *store.Finding) bool) func(b *broken) {
	return func(b *broken) {
		b.verify = func(ctx context.Context, opts store.VerifyOptions) iter.Seq2[store.Finding, error] {
			return func(yield func(store.Finding, error) bool) {
				for f, err := range b.mapStore.Verify(ctx, opts) {
					if keep := err != nil || change(b, opts, &f); keep && !yield(f, err) {
						return
					}
				}
			}
		}
	}
}

// blindTo returns a store whose Verify does not see a kind of damage, for each kind.
func blindTo() []mutant {
	var all []mutant
	for damage, name := range map[store.Damage]string{
		store.DamagedRecord: "damaged-record", store.DamagedChange: "damaged-change verify/many", store.MissingKey: "missing-key verify/many verify/ends",
		store.StrayKey: "stray-key", store.MissingTerm: "missing-term verify/many", store.StrayTerm: "stray-term", store.WrongDue: "wrong-due", store.LowRevision: "low-revision",
	} {
		all = append(all, mutant{
			name: "Verify does not see a " + damage.String(), rejected: "verify/" + name,
			harm: verifying(func(_ *broken, _ store.VerifyOptions, f *store.Finding) bool { return f.Damage != damage }),
		})
	}
	return all
}

func verifyMutants() []mutant {
	each := func(change func(f *store.Finding)) func(b *broken) {
		return verifying(func(_ *broken, _ store.VerifyOptions, f *store.Finding) bool {
			change(f)
			return true
		})
	}
	return append(blindTo(), []mutant{
		{name: "Verify does not name the record", rejected: "verify/missing-key verify/stray-term verify/damaged-record", harm: each(func(f *store.Finding) { f.ID = "" })},
		{name: "Verify does not name the entry", rejected: "verify/damaged-change", harm: each(func(f *store.Finding) { f.Seq = 0 })},
		{name: "Verify does not name the tenant", rejected: "verify/missing-key", harm: each(func(f *store.Finding) { f.Tenant = "" })},
		{name: "Verify claims to have mended", rejected: "verify/missing-key verify/damaged-record", harm: each(func(f *store.Finding) { f.Mended = true })},
		{name: "Verify mends and does not say so", rejected: "verify/stray-key", harm: each(func(f *store.Finding) { f.Mended = false })},
		{name: "Verify mends unasked", rejected: "verify/missing-key verify/low-revision verify/wrong-due", harm: func(b *broken) {
			verify := b.verify
			b.verify = func(ctx context.Context, opts store.VerifyOptions) iter.Seq2[store.Finding, error] {
				opts.Mend = true
				return verify(ctx, opts)
			}
		}},
		{name: "Verify mends nothing", rejected: "verify/missing-term verify/stray-key verify/left-behind", harm: func(b *broken) {
			leaveBehind(b)
			b.verify = func(ctx context.Context, opts store.VerifyOptions) iter.Seq2[store.Finding, error] {
				return func(yield func(store.Finding, error) bool) {
					for f, err := range b.mapStore.Verify(ctx, store.VerifyOptions{Tenant: opts.Tenant}) {
						f.Mended = opts.Mend
						if !yield(f, err) {
							return
						}
					}
				}
			}
		}},
		{name: "Verify mends a record by deleting it", rejected: "verify/missing-key", harm: verifying(func(b *broken, opts store.VerifyOptions, f *store.Finding) bool {
			if opts.Mend && f.Damage == store.MissingKey {
				r, _ := b.mapStore.Get(context.Background(), f.Tenant, store.ID(f.ID))
				_, _ = b.mapStore.Apply(context.Background(), f.Tenant, store.Ops(store.Delete(r, nil)))
			}
			return true
		})},
		{name: "Verify removes damaged records", rejected: "verify/damaged-record", harm: verifying(func(b *broken, opts store.VerifyOptions, f *store.Finding) bool {
			if opts.Mend && f.Damage == store.DamagedRecord {
				_, _ = b.mapStore.Apply(context.Background(), f.Tenant, store.Ops(store.Remove(f.ID, "user", nil)))
			}
			return true
		})},
		{name: "Verify of one tenant mends all", rejected: "verify/stray-key", harm: func(b *broken) {
			verify := b.verify
			b.verify = func(ctx context.Context, opts store.VerifyOptions) iter.Seq2[store.Finding, error] {
				verify(ctx, store.VerifyOptions{Mend: opts.Mend})(func(store.Finding, error) bool { return true })
				return verify(ctx, opts)
			}
		}},
		{name: "Verify of one tenant finds what is in others", rejected: "verify/missing-term", harm: func(b *broken) {
			b.verify = func(ctx context.Context, opts store.VerifyOptions) iter.Seq2[store.Finding, error] {
				return b.mapStore.Verify(ctx, store.VerifyOptions{Mend: opts.Mend})
			}
		}},
		{name: "a trimmed feed is a finding", rejected: "verify/clean verify/beside", harm: func(b *broken) {
			b.verify = func(ctx context.Context, opts store.VerifyOptions) iter.Seq2[store.Finding, error] {
				return func(yield func(store.Finding, error) bool) {
					b.mu.Lock()
					trimmed := b.tenant("t").trimmed
					b.mu.Unlock()
					if trimmed > 0 && !yield(store.Finding{Damage: store.DamagedChange, Tenant: "t", Seq: trimmed}, nil) {
						return
					}
					b.mapStore.Verify(ctx, opts)(yield)
				}
			}
		}},
		{name: "what is written meanwhile is a finding", rejected: "verify/beside", harm: func(b *broken) {
			b.verify = func(ctx context.Context, opts store.VerifyOptions) iter.Seq2[store.Finding, error] {
				return func(yield func(store.Finding, error) bool) {
					b.mu.Lock()
					last := b.tenant("churn1").last
					b.mu.Unlock()
					b.meanwhile("churn1")
					b.mu.Lock()
					records := slices.Clone(b.tenant("churn1").records.all())
					b.mu.Unlock()
					for _, r := range records {
						if r.Revision > last && !yield(store.Finding{Damage: store.LowRevision, Tenant: "churn1"}, nil) {
							return
						}
					}
					b.mapStore.Verify(ctx, opts)(yield)
				}
			}
		}},
		{name: "the keys of a removed record are missing", rejected: "verify/left-behind", harm: func(b *broken) {
			leaveBehind(b)
			each(func(f *store.Finding) {
				if f.Damage == store.StrayKey {
					f.Damage = store.MissingKey
				}
			})(b)
		}},
		{name: "Verify goes on when its caller has broken off", rejected: "verify/ends", harm: func(b *broken) {
			b.verify = func(ctx context.Context, opts store.VerifyOptions) iter.Seq2[store.Finding, error] {
				return func(yield func(store.Finding, error) bool) {
					over := false
					for f, err := range b.mapStore.Verify(ctx, opts) {
						if over && err == nil && ctx.Err() == nil && opts.Tenant == "" {
							_ = yield(f, err)
							continue
						}
						over = !yield(f, err)
					}
				}
			}
		}},
		{name: "Verify ignores its context", rejected: "verify/ends", harm: func(b *broken) {
			b.verify = func(ctx context.Context, opts store.VerifyOptions) iter.Seq2[store.Finding, error] {
				return b.mapStore.Verify(context.WithoutCancel(ctx), opts)
			}
		}},
	}...)
}

// leaveBehind makes a removed damaged record leave its unique keys behind.
func leaveBehind(b *broken) {
	steps{release: func(t *mapTenant, op store.Op) {
		if op.Old == nil || !t.damaged[op.Old.ID] {
			t.release(op)
		}
	}}.harm(b)
}
