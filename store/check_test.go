package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

func ms(n int64) time.Time { return time.UnixMilli(n) }

// record returns a valid record, changed by each function.
func record(change ...func(*store.Record)) store.Record {
	r := store.Record{ID: "u1", Kind: "user"}
	for _, c := range change {
		c(&r)
	}
	return r
}

func keys(n int) []store.Key {
	list := make([]store.Key, n)
	for i := range list {
		list[i] = store.Key{Kind: "k", Value: strings.Repeat("v", i)}
	}
	return list
}

func creates(n int, data int) []store.Op {
	ops := make([]store.Op, n)
	for i := range ops {
		ops[i] = store.Create(store.Record{ID: strings.Repeat("x", i+1), Kind: "user", Data: make([]byte, data)}, nil)
	}
	return ops
}

func TestCheckAllowsWhatIsWithinTheLimits(t *testing.T) {
	text := func(n int) string { return strings.Repeat("é", n/2) }
	for name, ops := range map[string][]store.Op{
		"smallest":   {store.Create(record(), nil)},
		"hostile":    {store.Create(record(func(r *store.Record) { r.ID, r.Kind = "\x00}{a", "\n" }), []byte{})},
		"longest ID": {store.Create(record(func(r *store.Record) { r.ID = text(store.MaxID) }), nil)},
		"kind":       {store.Create(record(func(r *store.Record) { r.Kind = text(store.MaxKind) }), nil)},
		"keys":       {store.Create(record(func(r *store.Record) { r.Unique, r.Index = keys(store.MaxUnique), keys(store.MaxIndex) }), nil)},
		"longest key": {store.Create(record(func(r *store.Record) {
			r.Unique = []store.Key{{Kind: text(store.MaxKind), Value: text(store.MaxKeyValue)}}
		}), nil)},
		"data":      {store.Create(record(func(r *store.Record) { r.Data = make([]byte, store.MaxData) }), nil)},
		"note":      {store.Create(record(), make([]byte, store.MaxNote))},
		"ops":       creates(store.MaxOps, 0),
		"batch":     creates(store.MaxBatch/store.MaxData, store.MaxData),
		"first due": {store.Create(record(func(r *store.Record) { r.Due = ms(1) }), nil)},
		"last due":  {store.Create(record(func(r *store.Record) { r.Due = time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC) }), nil)},
		"delete":    {store.Delete(store.Record{ID: "u1", Revision: 1}, nil)},
		"replace":   {store.Replace(store.Record{ID: "u1", Kind: "user", Revision: 7}, record(), nil)},
		"remove":    {store.Remove(text(store.MaxID), text(store.MaxKind), nil)},
	} {
		if err := store.Check(text(store.MaxTenant), store.Ops(ops...)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckOfRequirements(t *testing.T) {
	long := strings.Repeat("x", store.MaxID+1)
	one := store.RequireNone("x")
	all := func(n int) []store.Require {
		list := make([]store.Require, n)
		for i := range list {
			list[i] = one
		}
		return list
	}
	for name, c := range map[string]struct {
		require []store.Require
		what    string // "": it is allowed
	}{
		"a revision":       {[]store.Require{store.RequireAt(store.Record{ID: "x", Revision: 7})}, ""},
		"no record":        {[]store.Require{store.RequireNone(long[1:])}, ""},
		"a key":            {[]store.Require{store.RequireFree(store.Key{Kind: "k"})}, ""},
		"one twice":        {[]store.Require{one, one}, ""},
		"as many as fit":   {all(store.MaxOps - 1), ""},
		"too many":         {all(store.MaxOps), "batch"},
		"nothing":          {[]store.Require{one, {}}, "requirement 1: kind"},
		"no ID":            {[]store.Require{{Revision: 1}}, "requirement 0"},
		"both":             {[]store.Require{one, {ID: "x", Free: store.Key{Kind: "k"}}}, "requirement 1"},
		"negative":         {[]store.Require{{ID: "x", Revision: -1}}, "requirement 0"},
		"long ID":          {[]store.Require{store.RequireNone(long)}, "requirement 0: ID"},
		"ID not UTF-8":     {[]store.Require{store.RequireNone("\xff")}, "requirement 0: ID"},
		"an ID as a key":   {[]store.Require{store.RequireFree(store.ID("x"))}, "requirement 0: kind"},
		"long key":         {[]store.Require{store.RequireFree(store.Key{Kind: "k", Value: strings.Repeat(long, 8)})}, "requirement 0: value"},
		"key's kind long":  {[]store.Require{store.RequireFree(store.Key{Kind: long})}, "requirement 0: kind"},
		"key is not UTF-8": {[]store.Require{one, one, store.RequireFree(store.Key{Kind: "k", Value: "\xff"})}, "requirement 2: value"},
	} {
		err := store.Check("t", store.Batch{Ops: creates(1, 0), Require: c.require})
		e, ok := errors.AsType[*store.InvalidError](err)
		switch {
		case c.what == "" && err != nil, c.what != "" && !ok:
			t.Errorf("%s: %v", name, err)
		case ok && (e.Op != -1 || e.What != c.what || e.Why == ""):
			t.Errorf("%s: %+v, want %q", name, e, c.what)
		}
	}
	if err := store.Check("t", store.Batch{Require: []store.Require{one}}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("requirements without ops: %v", err)
	}
}

func TestCheckRefusesWhatIsBeyondThem(t *testing.T) {
	change := func(c func(*store.Record)) []store.Op { return []store.Op{store.Create(record(c), nil)} }
	text := func(n int) string { return strings.Repeat("x", n+1) }
	const bad = "ok\xff"
	for name, c := range map[string]struct {
		tenant string
		ops    []store.Op
		op     int
		what   string
	}{
		"no tenant":          {"", creates(1, 0), -1, "tenant"},
		"long tenant":        {text(store.MaxTenant), creates(1, 0), -1, "tenant"},
		"tenant not UTF-8":   {bad, creates(1, 0), -1, "tenant"},
		"no ops":             {"t", nil, -1, "batch"},
		"too many ops":       {"t", creates(store.MaxOps+1, 0), -1, "batch"},
		"batch too long":     {"t", append(creates(store.MaxBatch/store.MaxData, store.MaxData), store.Create(record(), []byte{1})), -1, "batch"},
		"empty op":           {"t", []store.Op{{}}, 0, "op"},
		"no ID":              {"t", change(func(r *store.Record) { r.ID = "" }), 0, "ID"},
		"long ID":            {"t", change(func(r *store.Record) { r.ID = text(store.MaxID) }), 0, "ID"},
		"ID not UTF-8":       {"t", change(func(r *store.Record) { r.ID = bad }), 0, "ID"},
		"same ID twice":      {"t", []store.Op{store.Create(record(), nil), store.Create(record(), nil)}, 1, "ID"},
		"no kind":            {"t", change(func(r *store.Record) { r.Kind = "" }), 0, "kind"},
		"long kind":          {"t", change(func(r *store.Record) { r.Kind = text(store.MaxKind) }), 0, "kind"},
		"too many unique":    {"t", change(func(r *store.Record) { r.Unique = keys(store.MaxUnique + 1) }), 0, "record"},
		"too many index":     {"t", change(func(r *store.Record) { r.Index = keys(store.MaxIndex + 1) }), 0, "record"},
		"key without kind":   {"t", change(func(r *store.Record) { r.Unique = []store.Key{{Value: "v"}} }), 0, "unique key 0: kind"},
		"long key kind":      {"t", change(func(r *store.Record) { r.Index = []store.Key{{Kind: text(store.MaxKind)}} }), 0, "index term 0: kind"},
		"long key value":     {"t", change(func(r *store.Record) { r.Index = []store.Key{{Kind: "k", Value: text(store.MaxKeyValue)}} }), 0, "index term 0: value"},
		"key not UTF-8":      {"t", change(func(r *store.Record) { r.Unique = []store.Key{{Kind: "k", Value: bad}} }), 0, "unique key 0: value"},
		"key twice":          {"t", change(func(r *store.Record) { r.Unique = append(keys(2), keys(2)[1]) }), 0, "unique key"},
		"key twice of many":  {"t", change(func(r *store.Record) { r.Index = append(keys(20), keys(20)[1]) }), 0, "index term"},
		"long data":          {"t", change(func(r *store.Record) { r.Data = make([]byte, store.MaxData+1) }), 0, "data"},
		"long note":          {"t", []store.Op{store.Create(record(), make([]byte, store.MaxNote+1))}, 0, "note"},
		"due at the epoch":   {"t", change(func(r *store.Record) { r.Due = ms(0) }), 0, "due"},
		"due before it":      {"t", change(func(r *store.Record) { r.Due = ms(-1) }), 0, "due"},
		"due too late":       {"t", change(func(r *store.Record) { r.Due = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }), 0, "due"},
		"due too fine":       {"t", change(func(r *store.Record) { r.Due = ms(1).Add(1) }), 0, "due"},
		"old not written":    {"t", []store.Op{store.Replace(record(), record(), nil)}, 0, "Old"},
		"old of revision -1": {"t", []store.Op{store.Delete(store.Record{ID: "u1", Revision: -1}, nil)}, 0, "Old"},
		"remove no ID":       {"t", []store.Op{store.Remove("", "user", nil)}, 0, "ID"},
		"remove no kind":     {"t", []store.Op{store.Remove("u1", "", nil)}, 0, "kind"},
		"remove bad kind":    {"t", []store.Op{store.Remove("u1", bad, nil)}, 0, "kind"},
		"remove, create":     {"t", []store.Op{store.Remove("u1", "user", nil), store.Create(record(), nil)}, 1, "ID"},
		"ID changed":         {"t", []store.Op{store.Replace(store.Record{ID: "u2", Kind: "user", Revision: 1}, record(), nil)}, 0, "New"},
		"kind changed":       {"t", []store.Op{store.Replace(store.Record{ID: "u1", Kind: "group", Revision: 1}, record(), nil)}, 0, "New"},
	} {
		err := store.Check(c.tenant, store.Ops(c.ops...))
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
			continue
		}
		if e, ok := errors.AsType[*store.InvalidError](err); !ok || e.Op != c.op || e.What != c.what || e.Why == "" {
			t.Errorf("%s: %+v, want op %d, %q", name, e, c.op, c.what)
		}
	}
}

func TestChecksOfReads(t *testing.T) {
	long := strings.Repeat("x", store.MaxTenant+1)
	for name, err := range map[string]error{
		"get, no tenant":         store.CheckKey("", store.ID("x")),
		"get, no ID":             store.CheckKey("t", store.ID("")),
		"get, long ID":           store.CheckKey("t", store.ID(long)),
		"get, long kind":         store.CheckKey("t", store.Key{Kind: long}),
		"list, no kind":          second(store.CheckQuery("t", store.Query{})),
		"list, negative":         second(store.CheckQuery("t", store.Query{Kind: "k", Before: -1})),
		"list, limit":            second(store.CheckQuery("t", store.Query{Kind: "k", Limit: store.MaxLimit + 1})),
		"list, negative limit":   second(store.CheckQuery("t", store.Query{Kind: "k", Limit: -1})),
		"list, terms":            second(store.CheckQuery("t", store.Query{Kind: "k", Match: keys(store.MaxMatch + 1)})),
		"list, ID as term":       second(store.CheckQuery("t", store.Query{Kind: "k", Match: []store.Key{store.ID("x")}})),
		"due, no time":           second(store.CheckDueQuery(store.DueQuery{})),
		"due, kinds":             second(store.CheckDueQuery(store.DueQuery{Before: ms(1), Kinds: make([]string, store.MaxKinds+1)})),
		"due, kind twice":        second(store.CheckDueQuery(store.DueQuery{Before: ms(1), Kinds: []string{"a", "a"}})),
		"due, long tenant":       second(store.CheckDueQuery(store.DueQuery{Before: ms(1), After: long})),
		"list, budget":           second(store.CheckQuery("t", store.Query{Kind: "k", Budget: store.MaxBudget + 1})),
		"list, negative budget":  second(store.CheckQuery("t", store.Query{Kind: "k", Budget: -1})),
		"count, no kind":         second(store.CheckCount("t", store.CountQuery{})),
		"count, cap":             second(store.CheckCount("t", store.CountQuery{Kind: "k", Cap: store.MaxCount + 1})),
		"count, negative cap":    second(store.CheckCount("t", store.CountQuery{Kind: "k", Cap: -1})),
		"count, negative":        second(store.CheckCount("t", store.CountQuery{Kind: "k", After: -1})),
		"due, tenant and after":  second(store.CheckDueQuery(store.DueQuery{Before: ms(1), Tenant: "t", After: "s"})),
		"due, from of nobody":    second(store.CheckDueQuery(store.DueQuery{Before: ms(1), From: "x"})),
		"due, long from":         second(store.CheckDueQuery(store.DueQuery{Before: ms(1), Tenant: "t", From: long + long + long})),
		"due, tenant too long":   second(store.CheckDueQuery(store.DueQuery{Before: ms(1), Tenant: long})),
		"due, tenant not UTF-8":  second(store.CheckDueQuery(store.DueQuery{Before: ms(1), Tenant: "\xff"})),
		"changes, negative":      second(store.CheckChanges("t", store.ChangeQuery{After: -1})),
		"changes, before":        second(store.CheckChanges("t", store.ChangeQuery{Before: -1})),
		"changes, limit":         second(store.CheckChanges("t", store.ChangeQuery{Limit: store.MaxLimit + 1})),
		"trim, no tenant":        store.CheckTrim("", 1),
		"trim, negative":         store.CheckTrim("t", -1),
		"tenants, long":          second(store.CheckTenants(store.TenantQuery{After: long})),
		"tenants, limit":         second(store.CheckTenants(store.TenantQuery{Limit: -1})),
		"tenants, after not UTF": second(store.CheckTenants(store.TenantQuery{After: "\xff"})),
	} {
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	if q, err := store.CheckQuery("t", store.Query{Kind: "k"}); err != nil || q.Limit != store.DefaultLimit || q.Budget != store.DefaultBudget {
		t.Errorf("a query without limit: %+v, %v", q, err)
	}
	if q, err := store.CheckCount("t", store.CountQuery{Kind: "k"}); err != nil || q.Cap != store.DefaultCount {
		t.Errorf("a count without cap: %+v, %v", q, err)
	}
	if q, err := store.CheckChanges("t", store.ChangeQuery{After: 9, Before: 3, Desc: true}); err != nil || q.Limit != store.DefaultLimit {
		t.Errorf("changes without limit: %+v, %v", q, err)
	}
	place := strings.Repeat("\xff", store.MaxPlace) // opaque: any bytes
	if _, err := store.CheckDueQuery(store.DueQuery{Before: ms(1), Tenant: "t", From: place}); err != nil {
		t.Errorf("the longest place: %v", err)
	}
	if q, err := store.CheckDueQuery(store.DueQuery{Before: ms(1), Limit: store.MaxLimit}); err != nil || q.Limit != store.MaxLimit {
		t.Errorf("a due query at the limit: %+v, %v", q, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestErrorsCarryNoContent(t *testing.T) {
	const secret = "ann@example.com"
	for _, err := range []error{
		&store.TakenError{Key: store.Key{Kind: "email", Value: secret}, Holder: store.Record{ID: secret, Data: []byte(secret)}},
		&store.TakenError{Op: -1, Require: 2, Key: store.Key{Kind: "email", Value: secret}, Holder: store.Record{ID: secret}},
		&store.StaleError{Op: 1, Require: -1},
		store.CheckKey("t", store.Key{Kind: "k", Value: strings.Repeat(secret, 1000)}),
		store.Check(secret+"\xff", store.Ops(creates(1, 0)...)),
	} {
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%v", err)
		}
	}
}

func TestErrorsSayWhatFailed(t *testing.T) {
	for want, err := range map[string]error{
		"store: stale: op 3":                                        &store.StaleError{Op: 3, Require: -1},
		"store: stale: requirement 0":                               &store.StaleError{Op: -1},
		`store: taken: requirement 2: a unique key of kind "email"`: &store.TakenError{Op: -1, Require: 2, Key: store.Key{Kind: "email"}},
		"store: trimmed through 7":                                  &store.TrimmedError{Through: 7},
		"store: damaged: record u1":                                 &store.DamagedError{ID: "u1"},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
	for sentinel, err := range map[error]error{
		store.ErrStale: &store.StaleError{}, store.ErrTaken: &store.TakenError{}, store.ErrTrimmed: &store.TrimmedError{},
		store.ErrDamaged: &store.DamagedError{}, store.ErrInvalid: &store.InvalidError{},
	} {
		if !errors.Is(err, sentinel) || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v is not %v alone", err, sentinel)
		}
	}
}
