package redis

import (
	"context"
	"errors"
	"strconv"

	"github.com/rollbook-go/rollbook/store"
)

// Import implements [store.Importer] in one round trip and one script, as Apply. The server
// does nothing else while it runs; see the package comment for how long that is.
//
// It returns ErrStale if another record of the kind has the same Created, and ErrInvalid for
// a revision above 2^53.
func (s *Store) Import(ctx context.Context, tenant string, part store.Part) (err error) {
	c := s.begin("Import")
	defer func() { c.end(len(part.Records)+len(part.Changes), err) }()
	if err := checkImport(tenant, part); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	sp := s.space(tenant)
	unlisted := make(map[string]string)
	for {
		p := newImport(sp, &part, unlisted, newNonce())
		w := &write{store: s, space: sp, method: "Import", script: &s.scripts.imports, plan: p}
		w.command(p.command(s.scripts.imports.sha, s.wait.replicas > 0), len(p.keys))
		left, err := w.run(ctx)
		c.Queued = w.queued
		var free *unlistedError
		switch {
		case errors.As(err, &free):
			unlisted[free.field] = free.holder
			s.retried("Import", err)
		case err != nil || left == 0:
			return err
		default: // entries of before Trimmed, which nobody sees any more
			return s.sweepFeed(ctx, sp, "Import", part.Trimmed)
		}
	}
}

func checkImport(tenant string, part store.Part) error {
	if err := store.CheckImport(tenant, part); err != nil {
		return err
	}
	for i := range part.Records {
		if part.Records[i].Revision > maxRevision {
			return &store.InvalidError{Op: i, What: "revision", Why: "above 2^53"}
		}
	}
	if n := len(part.Changes); n > 0 && part.Changes[n-1].Seq > maxRevision {
		return &store.InvalidError{Op: -1, What: "entry", Why: "above 2^53"}
	}
	return nil
}

// importPlan is an Import in the form of import.lua.
type importPlan struct {
	space    space
	nonce    string
	part     *store.Part
	unlisted map[string]string // by unique key; see known
	keys     []string

	lists  []*importSet // of kinds, by Created
	sets   []*importSet // all others
	known  map[string]*importSet
	claims []claim
	queue  []entryRow // sorted sets by Due, with their queue members
}

// importSet is what a sorted set gets.
type importSet struct {
	place       string // in KEYS
	args        []any
	size        int
	least, most store.Revision // of a list
}

func newImport(sp space, part *store.Part, unlisted map[string]string, nonce string) *importPlan {
	p := &importPlan{space: sp, nonce: nonce, part: part, unlisted: unlisted, known: make(map[string]*importSet)}
	p.keys = append(sp.fixed(tenantTag(sp.tenant)), sp.queue())
	for i := range part.Records {
		r := &part.Records[i]
		kind, isNew := p.set(sp.kind(r.Kind))
		if isNew {
			p.lists = append(p.lists, kind)
			kind.least, kind.most = r.Created, r.Created
			p.other(sp.kinds()).add("0", r.Kind)
		}
		kind.add(digits(r.Created), r.ID, strconv.Itoa(i+1))
		kind.least, kind.most = min(kind.least, r.Created), max(kind.most, r.Created)
		for _, term := range r.Index {
			p.other(sp.index(r.Kind, term)).add(digits(r.Created), r.ID)
		}
		for j, k := range r.Unique {
			p.claims = append(p.claims, claim{op: i, key: j, field: uniqueField(k)})
		}
		if due := store.Millis(r.Due); due != 0 {
			set, isNew := p.set(sp.due(r.Kind))
			if isNew {
				p.sets = append(p.sets, set)
				p.queue = append(p.queue, entryRow{set.place, queueMember(r.Kind, sp.tenant)})
			}
			set.add("0", dueMember(due, r.ID))
		}
	}
	return p
}

// set returns the set with a key, and whether it is new.
func (p *importPlan) set(key string) (set *importSet, isNew bool) {
	if set, ok := p.known[key]; ok {
		return set, false
	}
	p.keys = append(p.keys, key)
	set = &importSet{place: strconv.Itoa(len(p.keys))}
	p.known[key] = set
	return set, true
}

// other returns a set that is no list of a kind.
func (p *importPlan) other(key string) *importSet {
	set, isNew := p.set(key)
	if isNew {
		p.sets = append(p.sets, set)
	}
	return set
}

func (t *importSet) add(row ...string) {
	t.args = append(t.args, anys(row)...)
	t.size++
}

// command returns the command that runs import.lua.
func (p *importPlan) command(sha string, waits bool) []any {
	args := append(make([]any, 0, 256), p.space.tenant, p.nonce, "0", writeFlags(waits))
	for _, n := range [...]int{
		len(p.part.Records), len(p.lists), len(p.part.Changes), len(p.claims), len(p.sets), len(p.queue),
	} {
		args = append(args, strconv.Itoa(n))
	}
	args = append(args, digits(p.highest()), digits(p.part.Trimmed))
	for i := range p.part.Records {
		args = append(args, p.part.Records[i].ID)
	}
	for i := range p.part.Records {
		args = append(args, encodeRecord(p.space.tenant, &p.part.Records[i]))
	}
	for _, list := range p.lists {
		args = append(args, list.place, digits(list.least), digits(list.most), strconv.Itoa(list.size))
		args = append(args, list.args...)
	}
	tag := tenantTag(p.space.tenant)
	for _, c := range p.part.Changes {
		seq := digits(c.Seq)
		args = append(args, seq, seq+encodeChange(tag, c))
	}
	for i := range p.claims {
		args = append(args, p.claims[i].field)
	}
	for i := range p.claims {
		args = append(args, strconv.Itoa(p.claims[i].op+1))
	}
	for i := range p.claims {
		args = append(args, p.unlisted[p.claims[i].field])
	}
	for _, set := range p.sets {
		args = append(args, set.place, strconv.Itoa(set.size))
		args = append(args, set.args...)
	}
	for _, row := range p.queue {
		args = append(args, row.set, row.member)
	}
	all := append(make([]any, 0, argvAt(len(p.keys))+len(args)), "evalsha", sha, strconv.Itoa(len(p.keys)))
	return append(append(all, anys(p.keys)...), args...)
}

// highest returns the last revision of the part.
func (p *importPlan) highest() store.Revision {
	last := p.part.Trimmed
	for i := range p.part.Records {
		last = max(last, p.part.Records[i].Revision)
	}
	for i := range p.part.Changes {
		last = max(last, p.part.Changes[i].Seq)
	}
	return last
}

// outcome reads the reply of import.lua. The revision is not 0 if there are entries to sweep.
func (p *importPlan) outcome(val any) (store.Revision, error) {
	got, err := parseReply(val, p.nonce)
	if err != nil {
		return 0, err
	}
	switch {
	case got.is("done", 1):
		if got.args[0] == "more" {
			return 1, nil
		}
		return 0, nil
	case got.is("stale", 2) && got.args[1] == "-1":
		return 0, outcome{&store.StaleError{Op: -1, Require: -1}}
	case got.is("stale", 2):
		if op, ok := index(got.args[1], len(p.part.Records)); ok {
			return 0, outcome{&store.StaleError{Op: op, Require: -1}}
		}
	case got.is("damaged", 1):
		return 0, outcome{&store.DamagedError{ID: got.args[0]}}
	case got.is("counter", 0):
		return 0, errCounter
	case got.is("taken", 4):
		if i, ok := index(got.args[1], len(p.claims)); ok {
			c := p.claims[i]
			t := &store.TakenError{Op: c.op, Require: -1, Key: p.part.Records[c.op].Unique[c.key]}
			return 0, outcome{heldBy(t, p.space.tenant, got.args[2], got.args[3])}
		}
	case got.is("dead", 0):
		return 0, outcome{errDead}
	}
	return 0, outcome{unknown(errReply)}
}
