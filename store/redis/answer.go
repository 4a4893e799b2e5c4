package redis

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// outcome reads the reply of apply.lua: the text of a write that was done, or a list.
func (p *plan) outcome(val any) (store.Revision, error) {
	if text, ok := val.(string); ok {
		last, ok := strings.CutPrefix(text, "done"+p.nonce)
		if !ok {
			return 0, errReply
		}
		if rev, ok := parseDigits(last); ok && rev >= store.Revision(len(p.ops)) {
			return rev, nil
		}
		return 0, outcome{unknown(errReply)}
	}
	got, err := parseReply(val, p.nonce)
	if err != nil {
		return 0, err
	}
	switch {
	case got.is("stale", 2):
		if op, require, ok := p.part(got.args, len(p.ops)); ok {
			return 0, outcome{&store.StaleError{Op: op, Require: require}}
		}
	case got.is("false", 1):
		if i, ok := index(got.args[0], len(p.ops)); ok {
			return 0, outcome{falseOld(i)}
		}
	case got.is("damaged", 1):
		return 0, outcome{&store.DamagedError{ID: got.args[0]}}
	case got.is("moved", 0):
		return 0, outcome{errMoved}
	case got.is("counter", 0):
		return 0, errCounter
	case got.is("taken", 4):
		if claimed, require, ok := p.part(got.args, len(p.claims)); ok {
			return 0, outcome{p.taken(claimed, require, got.args[2], got.args[3])}
		}
	case got.is("twice", 0) && p.twice != nil:
		holder := cloneRecord(*p.batch.Ops[p.twice.earlier].New)
		return 0, outcome{&store.TakenError{Op: p.twice.op, Require: -1, Key: p.claimed(*p.twice), Holder: holder}}
	case got.is("dead", 0):
		return 0, outcome{errDead}
	}
	return 0, outcome{unknown(errReply)}
}

// part reads which of the ops or claims, or which requirement, an answer is about. The
// other of the two is -1.
func (p *plan) part(args []string, most int) (op, require int, ok bool) {
	switch args[0] {
	case "op":
		op, ok = index(args[1], most)
		return op, -1, ok
	case "require":
		require, ok = index(args[1], len(p.batch.Require))
		return -1, require, ok
	}
	return 0, 0, false
}

// taken returns the error of a batch that was refused because a record is named as the
// holder of a key.
func (p *plan) taken(claimed, require int, id, stored string) error {
	t := &store.TakenError{Op: -1, Require: require}
	if require < 0 {
		t.Op, t.Key = p.claims[claimed].op, p.claimed(p.claims[claimed])
	} else {
		t.Key = p.batch.Require[require].Free
	}
	return heldBy(t, p.tenant, id, stored)
}

// heldBy completes t with the holder of its key. It returns an unlistedError if the record
// does not list the key, and a DamagedError if nobody knows.
func heldBy(t *store.TakenError, tenant, id, stored string) error {
	var err error
	if t.Holder, err = decodeRecord(tenant, id, stored); err != nil {
		return &store.DamagedError{ID: id}
	}
	if !slices.Contains(t.Holder.Unique, t.Key) {
		return &unlistedError{field: uniqueField(t.Key), holder: digits(t.Holder.Revision) + id}
	}
	return t
}

// errDead: the attempt is late.
var errDead = unavailable(errors.New("an earlier attempt of the call was refused"))

func index(s string, n int) (int, bool) {
	i, err := strconv.Atoi(s)
	return i, err == nil && i >= 0 && i < n
}
