package store

import (
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// noOp is the Op of an InvalidError that is not about an op.
const noOp = -1

// Check validates a call of Apply by rule 9. A store calls it before anything else;
// a batch that passes is well formed, so the store itself has only to decide on
// preconditions and keys. The error is an *InvalidError.
func Check(tenant string, b Batch) error {
	if err := checkTenant(tenant); err != nil {
		return err
	}
	switch {
	case len(b.Ops) == 0:
		return invalid(noOp, "batch", "no op")
	case len(b.Ops)+len(b.Require) > MaxOps:
		return tooMany(noOp, "batch", MaxOps, "ops and requirements")
	}
	for i, r := range b.Require {
		if err := checkRequire(i, r); err != nil {
			return err
		}
	}
	size := 0
	for i, op := range b.Ops {
		if err := checkOp(i, op); err != nil {
			return err
		}
		if op.New != nil {
			size += len(op.New.Data)
		}
		size += len(op.Note)
	}
	if size > MaxBatch {
		return tooLong(noOp, "batch", MaxBatch)
	}
	return checkIDsDiffer(b.Ops)
}

func checkRequire(i int, r Require) error {
	what := "requirement " + strconv.Itoa(i)
	switch {
	case r.ID == "" && r.Revision != 0:
		return invalid(noOp, what, "a revision without an ID")
	case r.ID == "":
		return checkKey(noOp, "requirement", i, r.Free)
	case r.Free != (Key{}):
		return invalid(noOp, what, "both an ID and a key")
	case r.Revision < 0:
		return invalid(noOp, what, "negative revision")
	}
	return checkString(noOp, what+": ID", r.ID, 1, MaxID)
}

// CheckKey validates a call of Get by rule 9.
func CheckKey(tenant string, key Key) error {
	if err := checkTenant(tenant); err != nil {
		return err
	}
	if key.Kind == "" {
		return checkString(noOp, "ID", key.Value, 1, MaxID)
	}
	return checkKey(noOp, "key", alone, key)
}

// CheckQuery validates a call of List by rule 9 and returns the query with its
// defaults filled in.
func CheckQuery(tenant string, q Query) (Query, error) {
	if err := checkList(tenant, q.Kind, q.Match, q.After, q.Before); err != nil {
		return q, err
	}
	var err error
	if q.Budget, err = checkNumber("budget", q.Budget, DefaultBudget, MaxBudget); err != nil {
		return q, err
	}
	q.Limit, err = checkLimit(q.Limit)
	return q, err
}

// CheckCount validates a call of Count by rule 9 and returns the query with its
// defaults filled in.
func CheckCount(tenant string, q CountQuery) (CountQuery, error) {
	if err := checkList(tenant, q.Kind, q.Match, q.After, q.Before); err != nil {
		return q, err
	}
	var err error
	q.Cap, err = checkNumber("cap", q.Cap, DefaultCount, MaxCount)
	return q, err
}

func checkList(tenant, kind string, match []Key, after, before Revision) error {
	if err := checkTenant(tenant); err != nil {
		return err
	}
	if err := checkString(noOp, "kind", kind, 1, MaxKind); err != nil {
		return err
	}
	if len(match) > MaxMatch {
		return tooMany(noOp, "match", MaxMatch, "terms")
	}
	if err := checkKeys(noOp, "match term", match); err != nil {
		return err
	}
	return checkRevisions(after, before)
}

// CheckDueQuery validates a call of Due by rule 9 and returns the query with its
// default limit filled in.
func CheckDueQuery(q DueQuery) (DueQuery, error) {
	if len(q.Kinds) > MaxKinds {
		return q, tooMany(noOp, "kinds", MaxKinds, "kinds")
	}
	for i, kind := range q.Kinds {
		if err := checkString(noOp, "kind", kind, 1, MaxKind); err != nil {
			return q, err
		}
		for _, other := range q.Kinds[:i] {
			if other == kind {
				return q, invalid(noOp, "kinds", "the same twice")
			}
		}
	}
	switch {
	case q.Before.IsZero():
		return q, invalid(noOp, "before", "zero")
	case q.Tenant != "" && q.After != "":
		return q, invalid(noOp, "after", "beside one tenant")
	case q.Tenant == "" && q.From != "":
		return q, invalid(noOp, "from", "without a tenant")
	}
	if err := checkString(noOp, "tenant", q.Tenant, 0, MaxTenant); err != nil {
		return q, err
	}
	if err := checkString(noOp, "after", q.After, 0, MaxTenant); err != nil {
		return q, err
	}
	if len(q.From) > MaxPlace { // opaque: may be any bytes
		return q, tooLong(noOp, "from", MaxPlace)
	}
	var err error
	q.Limit, err = checkLimit(q.Limit)
	return q, err
}

// CheckChanges validates a call of Changes by rule 9 and returns the query with its
// default limit filled in.
func CheckChanges(tenant string, q ChangeQuery) (ChangeQuery, error) {
	if err := checkTenant(tenant); err != nil {
		return q, err
	}
	if err := checkRevisions(q.After, q.Before); err != nil {
		return q, err
	}
	var err error
	q.Limit, err = checkLimit(q.Limit)
	return q, err
}

// CheckTrim validates a call of Trim, or of Wait, by rule 9.
func CheckTrim(tenant string, through Revision) error {
	if err := checkTenant(tenant); err != nil {
		return err
	}
	return checkRevisions(through, 0)
}

// CheckTenants validates a call of Tenants by rule 9 and returns the query with its
// default limit filled in.
func CheckTenants(q TenantQuery) (TenantQuery, error) {
	if err := checkString(noOp, "after", q.After, 0, MaxTenant); err != nil {
		return q, err
	}
	var err error
	q.Limit, err = checkLimit(q.Limit)
	return q, err
}

func checkRevisions(a, b Revision) error {
	if a < 0 || b < 0 {
		return invalid(noOp, "revision", "negative")
	}
	return nil
}

func checkOp(i int, op Op) error {
	if op.Old == nil && op.New == nil {
		return invalid(i, "op", "neither Old nor New")
	}
	if op.Old != nil {
		if err := checkString(i, "ID", op.Old.ID, 1, MaxID); err != nil {
			return err
		}
		switch removal := op.New == nil && op.Old.Revision == 0; {
		case op.Old.Revision < 0, op.Old.Revision == 0 && !removal:
			return invalid(i, "Old", "not a record of the store")
		case removal:
			if err := checkString(i, "kind", op.Old.Kind, 1, MaxKind); err != nil {
				return err
			}
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

// alone is the index of a key that is the only one of its call.
const alone = -1

// checkKey validates the key with index i in a list of keys.
func checkKey(op int, what string, i int, key Key) error {
	part, why := "kind", stringFault(key.Kind, 1, MaxKind)
	if why == "" {
		part, why = "value", stringFault(key.Value, 0, MaxKeyValue)
	}
	switch {
	case why == "":
		return nil
	case i >= 0:
		what = fmt.Sprintf("%s %d", what, i)
	}
	return invalid(op, what+": "+part, why)
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

func checkTenant(tenant string) error { return checkString(noOp, "tenant", tenant, 1, MaxTenant) }

func checkLimit(limit int) (int, error) {
	return checkNumber("limit", limit, DefaultLimit, MaxLimit)
}

func checkNumber(what string, n, standard, most int) (int, error) {
	switch {
	case n == 0:
		return standard, nil
	case n < 0 || n > most:
		return n, invalid(noOp, what, fmt.Sprintf("not between 0 and %d", most))
	}
	return n, nil
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
