package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
)

func (s *Store) findings(t *testing.T, opts store.VerifyOptions) []store.Finding {
	t.Helper()
	var all []store.Finding
	for f, err := range s.Verify(t.Context(), opts) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b store.Finding) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return all
}

// corruption is damage that only this store can have.
type corruption struct {
	do     func(t *testing.T, s *Store, sp space)
	want   []store.Finding // without Tenant, of "tenant"
	others bool            // the findings name no tenant
	stays  bool            // cannot be mended
}

// Each damage is found, and no other; mending makes the store what it was.
func TestVerifyFinds(t *testing.T) {
	r := sample()
	r.Unique = append(r.Unique, store.Key{Kind: "k", Value: "w"})
	missing := []store.Finding{{Damage: store.MissingTerm, ID: "id"}}
	due := []store.Finding{{Damage: store.WrongDue, ID: "id"}}
	for name, c := range map[string]corruption{
		"not in the list of its kind": {
			do:   func(t *testing.T, s *Store, sp space) { t.Helper(); s.do(t, "zrem", sp.kind("user"), "id") },
			want: missing,
		},
		"in the wrong place of its kind": {
			do:   func(t *testing.T, s *Store, sp space) { t.Helper(); s.do(t, "zadd", sp.kind("user"), 100, "id") },
			want: []store.Finding{{Damage: store.StrayTerm, ID: "id"}, {Damage: store.MissingTerm, ID: "id"}},
		},
		"its kind is unknown": {
			do:   func(t *testing.T, s *Store, sp space) { t.Helper(); s.do(t, "unlink", sp.kinds()) },
			want: append(missing, store.Finding{Damage: store.MissingTerm, ID: "later"}),
		},
		"a key of another": {
			do: func(t *testing.T, s *Store, sp space) {
				t.Helper()
				s.do(t, "hset", sp.unique(), uniqueField(r.Unique[1]), "later")
			},
			want: []store.Finding{{Damage: store.StrayKey, ID: "later"}, {Damage: store.MissingKey, ID: "id"}},
		},
		"a key of nobody": {
			do: func(t *testing.T, s *Store, sp space) {
				t.Helper()
				s.do(t, "hset", sp.unique(), "nothing", "nobody")
			},
			want: []store.Finding{{Damage: store.StrayKey, ID: "nobody"}},
		},
		"two holders": {
			do: func(t *testing.T, s *Store, sp space) {
				t.Helper()
				twin := r
				twin.ID, twin.Created, twin.Revision = "twin", 1, 1
				s.do(t, "hset", sp.records(), "twin", encodeRecord("tenant", &twin))
				s.do(t, "zadd", sp.kind("user"), 1, "twin")
				s.do(t, "zadd", sp.index("user", r.Index[0]), 1, "twin")
				s.do(t, "zadd", sp.due("user"), 0, dueMember(5, "twin"))
			},
			want:  []store.Finding{{Damage: store.MissingKey, ID: "twin"}},
			stays: true,
		},
		"no Due": {
			do: func(t *testing.T, s *Store, sp space) {
				t.Helper()
				s.do(t, "zrem", sp.due("user"), dueMember(5, "id"))
				s.do(t, "zrem", sp.queue(), queueMember("user", "tenant"))
			},
			want: []store.Finding{{Damage: store.WrongDue, ID: "id"}, {Damage: store.WrongDue, ID: "later"}},
		},
		"an earlier Due": {
			do: func(t *testing.T, s *Store, sp space) {
				t.Helper()
				s.do(t, "zadd", sp.due("user"), 0, dueMember(4, "id"))
				s.do(t, "zadd", sp.queue(), 4, queueMember("user", "tenant"))
			},
			want: due,
		},
		"a late place in the queue": {
			do: func(t *testing.T, s *Store, sp space) {
				t.Helper()
				s.do(t, "zadd", sp.queue(), 100, queueMember("user", "tenant"))
			},
			want: due,
		},
		"a place in the queue for nothing": {
			do: func(t *testing.T, s *Store, sp space) {
				t.Helper()
				s.do(t, "zadd", sp.queue(), 1, queueMember("none", "tenant"))
			},
			want: []store.Finding{{Damage: store.WrongDue}},
		},
		"no counter": {
			do:   func(t *testing.T, s *Store, sp space) { t.Helper(); s.do(t, "hdel", sp.records(), "") },
			want: []store.Finding{{Damage: store.LowRevision, Seq: 3}},
		},
		"an unreadable counter": {
			do:   func(t *testing.T, s *Store, sp space) { t.Helper(); s.do(t, "hset", sp.records(), "", "x") },
			want: []store.Finding{{Damage: store.LowRevision, Seq: 3}},
		},
		"no tenant": {
			do:   func(t *testing.T, s *Store, sp space) { t.Helper(); s.do(t, "zrem", sp.tenants(), "tenant") },
			want: []store.Finding{{Damage: store.MissingTenant}},
		},
		"a key of another type": {
			do: func(t *testing.T, s *Store, sp space) {
				t.Helper()
				s.do(t, "set", sp.due("other"), "x")
			},
			want: []store.Finding{{Damage: store.DamagedStructure}}, stays: true,
		},
		"a key of another layout": {
			do: func(t *testing.T, s *Store, sp space) {
				t.Helper()
				s.do(t, "set", sp.bucket+":x:tenant", "x")
			},
			want: []store.Finding{{Damage: store.DamagedStructure}}, others: true, stays: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := miniStore(t)
			later := store.Record{ID: "later", Kind: "user", Due: time.UnixMilli(7)}
			s.put(t, store.Create(r, []byte("note")))
			s.put(t, store.Create(later, nil))
			gone := store.Record{ID: "gone", Kind: "user"}
			s.put(t, store.Create(gone, []byte("note")))
			s.put(t, store.Remove("gone", "user", nil))
			s.do(t, "hset", s.space("tenant").records(), "", digits(3)) // as if it had not been removed
			before := s.everything(t)
			c.do(t, s, s.space("tenant"))
			want := slices.Clone(c.want)
			for i := range want {
				if !c.others {
					want[i].Tenant = "tenant"
				}
			}
			slices.SortFunc(want, func(a, b store.Finding) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			damaged := s.everything(t)
			if diff := gocmp.Diff(want, s.findings(t, store.VerifyOptions{})); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if diff := gocmp.Diff(damaged, s.everything(t)); diff != "" {
				t.Errorf("Verify without Mend changed:\n%s", diff)
			}
			if !c.others {
				if diff := gocmp.Diff(want, s.findings(t, store.VerifyOptions{Tenant: "tenant"})); diff != "" {
					t.Errorf("findings of the tenant (-want +got):\n%s", diff)
				}
			}
			s.findings(t, store.VerifyOptions{Mend: true})
			if c.stays {
				if diff := gocmp.Diff(want, s.findings(t, store.VerifyOptions{})); diff != "" {
					t.Errorf("findings after mending (-want +got):\n%s", diff)
				}
				return
			}
			if diff := gocmp.Diff([]store.Finding(nil), s.findings(t, store.VerifyOptions{})); diff != "" {
				t.Errorf("findings after mending:\n%s", diff)
			}
			if diff := gocmp.Diff(before, s.everything(t)); diff != "" {
				t.Errorf("after mending (-before +after):\n%s", diff)
			}
		})
	}
}

// everything returns all that is stored, by key.
func (s *Store) everything(t *testing.T) map[string]string {
	t.Helper()
	names, err := s.client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, name := range names {
		if fields, err := s.client.HGetAll(t.Context(), name).Result(); err == nil {
			for _, f := range slices.Sorted(maps.Keys(fields)) {
				all[name] += fmt.Sprintf("%q %q\n", f, fields[f])
			}
		} else if set, err := s.client.ZRangeWithScores(t.Context(), name, 0, -1).Result(); err == nil {
			all[name] = fmt.Sprintf("%+v", set)
		}
	}
	return all
}

// interfering is a hook that does something before a script runs for the first time.
type interfering struct {
	script string // its hash
	do     func()
}

func (i *interfering) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (i *interfering) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook { return next }

func (i *interfering) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		if args := cmds[0].Args(); len(args) > 1 && args[1] == i.script && i.do != nil {
			do := i.do
			i.do = nil
			do()
		}
		return next(ctx, cmds)
	}
}

// What is written between the reading of something and the script that checks it again is
// no finding, and is not mended away.
func TestVerifyBesideWrites(t *testing.T) {
	r := sample()
	changed := r
	changed.Unique, changed.Index, changed.Due = []store.Key{{Kind: "k", Value: "w"}}, []store.Key{{Kind: "u"}}, time.UnixMilli(9)
	for name, hash := range map[string]func(*Store) string{
		"before the check of what leads": func(s *Store) string { return s.scripts.stray.sha },
		"before the check of a record":   func(s *Store) string { return s.scripts.record.sha },
		"before the check of a tenant":   func(s *Store) string { return s.scripts.tenant.sha },
	} {
		for what, write := range map[string]func(t *testing.T, s *Store){
			"replace": func(t *testing.T, s *Store) {
				t.Helper()
				s.put(t, store.Replace(s.get(t, "id"), changed, []byte("note")))
			},
			"remove": func(t *testing.T, s *Store) { t.Helper(); s.put(t, store.Remove("id", "user", []byte("note"))) },
			"drop": func(t *testing.T, s *Store) {
				t.Helper()
				s.put(t, store.Remove("id", "user", nil))
				if err := s.Drop(t.Context(), "tenant"); err != nil {
					t.Fatal(err)
				}
			},
			"made anew": func(t *testing.T, s *Store) {
				t.Helper()
				s.put(t, store.Remove("id", "user", nil))
				if err := s.Drop(t.Context(), "tenant"); err != nil {
					t.Fatal(err)
				}
				s.put(t, store.Create(changed, []byte("note")))
			},
		} {
			for _, mend := range []bool{false, true} {
				t.Run(fmt.Sprint(name, " ", what, " ", mend), func(t *testing.T) {
					s := miniStore(t)
					for range 3 { // revisions that a new tenant does not have
						s.put(t, store.Create(r, []byte("note")))
						s.put(t, store.Remove("id", "user", nil))
					}
					s.put(t, store.Create(r, []byte("note")))
					hook := &interfering{script: hash(s)}
					s.client.AddHook(hook)
					if hook.script == s.scripts.stray.sha {
						// Something that is looked at twice.
						s.do(t, "hset", s.space("tenant").unique(), uniqueField(changed.Unique[0]), "id")
					}
					hook.do = func() { write(t, s) }
					for _, f := range s.findings(t, store.VerifyOptions{Mend: mend}) {
						if f.Damage != store.StrayKey || what == "replace" {
							t.Errorf("%+v", f)
						}
					}
					if hook.do != nil {
						t.Fatal("nothing was written meanwhile")
					}
					s.findings(t, store.VerifyOptions{Mend: true})
					if err := Inconsistencies(t.Context(), s.client, DefaultPrefix); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

// A prefix that has the signs of a pattern is taken as it is, and no other store is touched.
func TestVerifyPrefix(t *testing.T) {
	s := miniStore(t)
	var all []*Store
	for _, prefix := range []string{`a*:`, `ab:`, `[ab]:`, `a:`, `a?:`, `\a:`} {
		st, err := New(s.client, &Options{Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, st)
		st.put(t, store.Create(sample(), nil))
		if err := st.Corrupt(t.Context(), "tenant", store.MissingKey, "id"); err != nil {
			t.Fatal(err)
		}
	}
	want := []store.Finding{{Damage: store.MissingKey, Tenant: "tenant", ID: "id", Mended: true}}
	for _, st := range all {
		for _, opts := range []store.VerifyOptions{{Mend: true}, {Tenant: "tenant"}, {}} {
			if diff := gocmp.Diff(want, st.findings(t, opts)); diff != "" {
				t.Errorf("%s: %+v:\n%s", st.prefix, opts, diff)
			}
			want = nil
		}
		want = []store.Finding{{Damage: store.MissingKey, Tenant: "tenant", ID: "id", Mended: true}}
	}
}

// Names of keys are read as they were made, and nothing else is.
func TestParseKey(t *testing.T) {
	l := layout{prefix: "p:"}
	parts := []string{"a", "1:a", ":", "}", "{0}", "k\x00", "ü"}
	n := 0
	for _, tenant := range parts {
		sp := l.space(tenant)
		check := func(name string, want storedKey) {
			n++
			want.name, want.bucket, want.space = name, bucketOf(tenant), sp
			got, ok := l.parseKey(name)
			if !ok || got != want {
				t.Errorf("%q: %+v, %v; want %+v", name, got, ok, want)
			}
			if _, ok := l.parseKey(fmt.Sprintf("p:{%d}%s", (bucketOf(tenant)+1)%buckets, name[len(sp.bucket):])); ok {
				t.Errorf("%q is accepted in another bucket", name)
			}
		}
		check(sp.records(), storedKey{letter: recordsKey})
		check(sp.unique(), storedKey{letter: uniqueKey})
		check(sp.feed(), storedKey{letter: feedKey})
		check(sp.kinds(), storedKey{letter: kindsKey})
		for _, kind := range parts {
			check(sp.kind(kind), storedKey{letter: kindKey, kind: kind})
			check(sp.due(kind), storedKey{letter: dueKey, kind: kind})
			for _, term := range parts {
				k := store.Key{Kind: kind, Value: term}
				check(sp.index(term, k), storedKey{letter: indexKey, kind: term, term: k})
			}
		}
	}
	if n < 100 {
		t.Error("too few names")
	}
	for _, name := range []string{
		"", "p:", "p:{", "p:{}:t", "p:{x}:t", "p:{-1}:t", "p:{1024}:t", "p:{1}", "p:{1}:", "p:{1}:x:a", "p:{1}:r:", "p:{1}:k:a",
		"p:{1}:k:9:a", "p:{1}:i:1:a", "p:{1}:i:1:a1:b",
	} {
		if k, ok := l.parseKey(name); ok {
			t.Errorf("%q is accepted: %+v", name, k)
		}
	}
}

// An error ends Verify and comes last.
func TestVerifyFails(t *testing.T) {
	s := miniStore(t)
	s.put(t, store.Create(sample(), nil))
	_ = s.client.Close()
	var errs []error
	for f, err := range s.Verify(t.Context(), store.VerifyOptions{}) {
		if f != (store.Finding{}) {
			t.Errorf("%+v", f)
		}
		errs = append(errs, err)
	}
	if len(errs) != 1 || !errors.Is(errs[0], store.ErrUnavailable) {
		t.Errorf("errors %v, want that the store is unavailable", errs)
	}
}
