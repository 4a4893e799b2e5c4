package store

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// Check judges a call of Apply by rule 9. A store calls it before anything else;
// a batch that passes is well formed, so the store itself has only to judge
// preconditions and keys. The error is an *InvalidError.
func Check(tenant string, ops []Op) error {
	if err := checkTenant(tenant); err != nil {
		return err
	}
	switch {
	case len(ops) == 0:
		return invalid(-1, "batch", "empty")
	case len(ops) > MaxOps:
		return tooMany(-1, "batch", MaxOps, "ops")
	}
	size := 0
	for i, op := range ops {
		if err := checkOp(i, op); err != nil {
			return err
		}
		if op.New != nil {
			size += len(op.New.Data)
		}
		size += len(op.Note)
	}
	if size > MaxBatch {
		return tooLong(-1, "batch", MaxBatch)
	}
	return checkIDsDiffer(ops)
}

// CheckKey judges a call of Get by rule 9.
func CheckKey(tenant string, key Key) error {
	if err := checkTenant(tenant); err != nil {
		return err
	}
	if key.Kind == "" {
		return checkString(-1, "ID", key.Value, 1, MaxID)
	}
	return checkKey(-1, "key", 0, key)
}

// CheckQuery judges a call of List by rule 9 and returns the query with its
// default limit filled in.
func CheckQuery(tenant string, q Query) (Query, error) {
	if err := checkTenant(tenant); err != nil {
		return q, err
	}
	if err := checkString(-1, "kind", q.Kind, 1, MaxKind); err != nil {
		return q, err
	}
	if len(q.Match) > MaxMatch {
		return q, tooMany(-1, "match", MaxMatch, "terms")
	}
	if err := checkKeys(-1, "match term", q.Match); err != nil {
		return q, err
	}
	if q.After < 0 || q.Before < 0 {
		return q, invalid(-1, "revision", "negative")
	}
	var err error
	q.Limit, err = checkLimit(q.Limit)
	return q, err
}

// CheckDueQuery judges a call of Due by rule 9 and returns the query with its
// default limit filled in.
func CheckDueQuery(q DueQuery) (DueQuery, error) {
	if len(q.Kinds) > MaxKinds {
		return q, tooMany(-1, "kinds", MaxKinds, "kinds")
	}
	for i, kind := range q.Kinds {
		if err := checkString(-1, "kind", kind, 1, MaxKind); err != nil {
			return q, err
		}
		for _, other := range q.Kinds[:i] {
			if other == kind {
				return q, invalid(-1, "kinds", "the same twice")
			}
		}
	}
	if q.Before.IsZero() {
		return q, invalid(-1, "before", "zero")
	}
	if err := checkString(-1, "after", q.After, 0, MaxTenant); err != nil {
		return q, err
	}
	var err error
	q.Limit, err = checkLimit(q.Limit)
	return q, err
}

// CheckChanges judges a call of Changes by rule 9 and returns the limit, the
// default filled in.
func CheckChanges(tenant string, after Revision, limit int) (int, error) {
	if err := CheckTrim(tenant, after); err != nil {
		return limit, err
	}
	return checkLimit(limit)
}

// CheckTrim judges a call of Trim by rule 9.
func CheckTrim(tenant string, through Revision) error {
	if err := checkTenant(tenant); err != nil {
		return err
	}
	if through < 0 {
		return invalid(-1, "revision", "negative")
	}
	return nil
}

// CheckTenants judges a call of Tenants by rule 9 and returns the limit, the
// default filled in.
func CheckTenants(after string, limit int) (int, error) {
	if err := checkString(-1, "after", after, 0, MaxTenant); err != nil {
		return limit, err
	}
	return checkLimit(limit)
}

func checkOp(i int, op Op) error {
	if op.Old == nil && op.New == nil {
		return invalid(i, "op", "neither Old nor New")
	}
	if op.Old != nil {
		if err := checkString(i, "ID", op.Old.ID, 1, MaxID); err != nil {
			return err
		}
		if op.Old.Revision <= 0 {
			return invalid(i, "Old", "not a record of the store")
		}
	}
	if len(op.Note) > MaxNote {
		return tooLong(i, "note", MaxNote)
	}
	if op.New == nil {
		return nil
	}
	if op.Old != nil && (op.Old.ID != op.New.ID || op.Old.Kind != op.New.Kind) {
		return invalid(i, "New", "another ID or kind than Old")
	}
	return checkRecord(i, op.New)
}

func checkRecord(op int, r *Record) error {
	if err := checkString(op, "ID", r.ID, 1, MaxID); err != nil {
		return err
	}
	if err := checkString(op, "kind", r.Kind, 1, MaxKind); err != nil {
		return err
	}
	if len(r.Unique) > MaxUnique {
		return tooMany(op, "record", MaxUnique, "unique keys")
	}
	if len(r.Index) > MaxIndex {
		return tooMany(op, "record", MaxIndex, "index terms")
	}
	if err := checkKeys(op, "unique key", r.Unique); err != nil {
		return err
	}
	if err := checkKeys(op, "index term", r.Index); err != nil {
		return err
	}
	if len(r.Data) > MaxData {
		return tooLong(op, "data", MaxData)
	}
	return checkDue(op, r.Due)
}

func checkDue(op int, due time.Time) error {
	if due.IsZero() {
		return nil
	}
	if ms := due.UnixMilli(); ms <= 0 || due.UTC().Year() >= maxYear {
		return invalid(op, "due", "not between the Unix epoch and the year 10000")
	}
	if due.Nanosecond()%int(time.Millisecond) != 0 {
		return invalid(op, "due", "not a whole number of milliseconds")
	}
	return nil
}

func checkKeys(op int, what string, keys []Key) error {
	for i, key := range keys {
		if err := checkKey(op, what, i, key); err != nil {
			return err
		}
	}
	if len(keys) < 2 {
		return nil
	}
	if len(keys) <= 8 { // few keys: comparing is cheaper than a map
		for i := range keys {
			for j := range i {
				if keys[i] == keys[j] {
					return invalid(op, what, "the same twice")
				}
			}
		}
		return nil
	}
	seen := make(map[Key]struct{}, len(keys))
	for _, key := range keys {
		if _, dup := seen[key]; dup {
			return invalid(op, what, "the same twice")
		}
		seen[key] = struct{}{}
	}
	return nil
}

func checkKey(op int, what string, i int, key Key) error {
	if why := stringFault(key.Kind, 1, MaxKind); why != "" {
		return invalid(op, fmt.Sprintf("%s %d: kind", what, i), why)
	}
	if why := stringFault(key.Value, 0, MaxKeyValue); why != "" {
		return invalid(op, fmt.Sprintf("%s %d: value", what, i), why)
	}
	return nil
}

func checkIDsDiffer(ops []Op) error {
	if len(ops) < 2 {
		return nil
	}
	seen := make(map[string]struct{}, len(ops))
	for i, op := range ops {
		id := op.ID()
		if _, dup := seen[id]; dup {
			return invalid(i, "ID", "twice in the batch")
		}
		seen[id] = struct{}{}
	}
	return nil
}

// ID returns the ID of the record that the op is about.
func (op Op) ID() string {
	if op.New != nil {
		return op.New.ID
	}
	return op.Old.ID
}

func checkTenant(tenant string) error { return checkString(-1, "tenant", tenant, 1, MaxTenant) }

func checkLimit(limit int) (int, error) {
	switch {
	case limit == 0:
		return DefaultLimit, nil
	case limit < 0 || limit > MaxLimit:
		return limit, invalid(-1, "limit", fmt.Sprintf("not between 0 and %d", MaxLimit))
	}
	return limit, nil
}

func checkString(op int, what, s string, shortest, longest int) error {
	if why := stringFault(s, shortest, longest); why != "" {
		return invalid(op, what, why)
	}
	return nil
}

func stringFault(s string, shortest, longest int) string {
	switch {
	case len(s) < shortest:
		return "empty"
	case len(s) > longest:
		return fmt.Sprintf("longer than %d bytes", longest)
	case !utf8.ValidString(s):
		return "not valid UTF-8"
	}
	return ""
}

func invalid(op int, what, why string) error {
	return &InvalidError{Op: op, What: what, Why: why}
}

func tooLong(op int, what string, limit int) error {
	return invalid(op, what, fmt.Sprintf("longer than %d bytes", limit))
}

func tooMany(op int, what string, limit int, of string) error {
	return invalid(op, what, fmt.Sprintf("more than %d %s", limit, of))
}
