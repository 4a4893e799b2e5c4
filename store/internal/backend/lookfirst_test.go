package backend_test

import (
	"errors"
	"strconv"
	"testing"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/internal/backend"
)

const many = 1000 // reads in vain, more than it takes

func creates(keys ...string) store.Batch {
	r := store.Record{ID: "id", Kind: "kind"}
	for _, key := range keys {
		r.Unique = append(r.Unique, store.Key{Kind: "ext", Value: key})
	}
	return store.Ops(store.Create(r, nil))
}

func taken(key string) error {
	return &store.TakenError{Require: -1, Key: store.Key{Kind: "ext", Value: key}}
}

// inVain tells of reads of keys that are free.
func inVain(l *backend.LookFirst, n int) {
	for i := range n {
		l.Read("tenant", creates("free"+strconv.Itoa(i)), false)
	}
}

func TestLookFirst(t *testing.T) {
	for what, test := range map[string]struct {
		do   func(*backend.LookFirst)
		want bool // whether a create of "a" is read first then
	}{
		"at first":        {func(*backend.LookFirst) {}, true},
		"reads in vain":   {func(l *backend.LookFirst) { inVain(l, many) }, false},
		"few are in vain": {func(l *backend.LookFirst) { inVain(l, 100) }, true},
		"created": {func(l *backend.LookFirst) {
			inVain(l, many)
			l.Written("tenant", creates("a"), nil)
		}, true},
		"created in another tenant": {func(l *backend.LookFirst) {
			inVain(l, many)
			l.Written("other", creates("a"), nil)
		}, false},
		"another created": {func(l *backend.LookFirst) {
			inVain(l, many)
			l.Written("tenant", creates("b"), nil)
		}, false},
		"not written": {func(l *backend.LookFirst) {
			inVain(l, many)
			l.Written("tenant", creates("a"), store.ErrUnavailable)
		}, false},
		"no longer held": {func(l *backend.LookFirst) {
			inVain(l, many)
			l.Written("tenant", creates("a"), nil)
			l.Read("tenant", creates("a"), false)
		}, false},
		"found": {func(l *backend.LookFirst) {
			l.Read("tenant", creates("a"), true)
			inVain(l, many)
		}, true},
		"refused": {func(l *backend.LookFirst) {
			l.Written("tenant", creates("a"), taken("a"))
			inVain(l, many)
		}, true},
		"another found": {func(l *backend.LookFirst) {
			inVain(l, many)
			l.Read("tenant", creates("b"), true)
		}, true},
		"another refused": {func(l *backend.LookFirst) {
			inVain(l, many)
			l.Written("tenant", creates("b"), taken("b"))
		}, true},
		"refused for its second key": {func(l *backend.LookFirst) {
			inVain(l, many)
			l.Written("tenant", creates("a", "b"), taken("b"))
		}, false},
		"one that was seen is found": {func(l *backend.LookFirst) {
			inVain(l, many)
			l.Written("tenant", creates("b"), nil)
			l.Read("tenant", creates("b"), true)
		}, false},
	} {
		var l backend.LookFirst
		test.do(&l)
		if got := l.Worth("tenant", creates("a")); got != test.want {
			t.Errorf("%s: %t", what, got)
		}
	}
}

// TestLookFirstOfOthers: only a batch that does nothing but create a record with a key is read
// first.
func TestLookFirstOfOthers(t *testing.T) {
	a := creates("a")
	two, required := a, a
	two.Ops = append(two.Ops[:1:1], store.Create(store.Record{ID: "other", Kind: "kind"}, nil))
	required.Require = []store.Require{{}}
	for what, b := range map[string]store.Batch{
		"no key": creates(), "two": two, "required": required, "none": {},
		"an update":  store.Ops(store.Replace(*a.Ops[0].New, *a.Ops[0].New, nil)),
		"a deletion": store.Ops(store.Delete(*a.Ops[0].New, nil)),
	} {
		var l backend.LookFirst
		l.Written("tenant", b, errors.New("none"))
		l.Written("tenant", b, nil)
		if l.Worth("tenant", b) {
			t.Error(what)
		}
	}
}

// TestLookFirstForgets: that keys are forgotten for others does not make creates of new ones be
// read first.
func TestLookFirstForgets(t *testing.T) {
	var l backend.LookFirst
	inVain(&l, many)
	const keys, some = 1 << 18, 1 << 15
	create := func(what string, i int) store.Batch { return creates(what + strconv.Itoa(i)) }
	for i := range keys {
		l.Written("tenant", create("", i), nil)
	}
	forgotten, read := 0, 0
	for i := range some {
		known, free := create("", i), create("free", i)
		if l.Worth("tenant", known) {
			l.Read("tenant", known, true)
		} else {
			forgotten++
			l.Written("tenant", known, taken(strconv.Itoa(i)))
		}
		if l.Worth("tenant", free) {
			read++
			l.Read("tenant", free, false)
		}
	}
	if forgotten == 0 || read > some*2/3 {
		t.Errorf("of %d keys %d are forgotten, of as many new ones %d read first", some, forgotten, read)
	}
}
