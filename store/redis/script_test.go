package redis

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
)

// raw runs the script of an Apply and returns its reply as it is.
func raw(t *testing.T, s *Store, nonce string, again bool, ops ...store.Op) []any {
	t.Helper()
	return rawBatch(t, s, nonce, again, store.Ops(ops...), known{})
}

func rawBatch(t *testing.T, s *Store, nonce string, again bool, b store.Batch, k known) []any {
	t.Helper()
	sp := s.space("tenant")
	p, err := newPlan(sp, b, k, (nonce + noWriter)[:nonceLen])
	if err != nil {
		t.Fatal(err)
	}
	w := s.newWrite(sp, p)
	if again {
		w.args[w.repetition] = "1"
	}
	return rawScript(t, s, s.scripts.apply, w.args)
}

func rawScript(t *testing.T, s *Store, sc script, args []any) []any {
	t.Helper()
	cmd := bySource(t.Context(), goredis.NewCmd(t.Context(), args...), sc)
	if err := s.client.Process(t.Context(), cmd); err != nil {
		return []any{"error"}
	}
	if text, ok := cmd.Val().(string); ok { // done
		return []any{text[:4], text[4 : 4+nonceLen], text[4+nonceLen:]}
	}
	return cmd.Val().([]any)
}

// Miniredis and Redis give every answer that the scripts have, the same ones, and have the
// same data afterwards.
func TestScriptParity(t *testing.T) {
	mini := miniredis.RunT(t)
	server := redistest.Server(t)
	play := func(addr string) (replies [][]any, left dump) {
		s := openStore(t, addr)
		replies = playScripts(t, s)
		left, err := readDump(t.Context(), s.client, DefaultPrefix)
		if err != nil {
			t.Fatal(err)
		}
		for _, fields := range left.hashes {
			if mark, ok := fields[markField]; ok {
				fields[markField] = mark[:2*digitsLen] // after that comes the server's time
			}
		}
		return replies, left
	}
	onMini, leftOnMini := play(mini.Addr())
	onServer, leftOnServer := play(server.Addr)
	if diff := cmp.Diff(onServer, onMini); diff != "" {
		t.Errorf("replies (-redis +miniredis):\n%s", diff)
	}
	if diff := cmp.Diff(leftOnServer, leftOnMini, cmp.AllowUnexported(dump{})); diff != "" {
		t.Errorf("left behind (-redis +miniredis):\n%s", diff)
	}
	var statuses []string
	for _, r := range onServer {
		statuses = append(statuses, r[0].(string))
	}
	want := []string{
		"done", "done", "stale", "stale", "dead", "false", "taken", "twice",
		"done", "done", "done", "done", "none", "found", "found", "page", "page", "more", "done", "page",
		"stale", "stale", "taken", "done", "stale", "done", "moved", "moved", "stale", "moved",
		"damaged", "stale", "moved", "taken", "done", "taken", "done", "done", "counter",
	}
	if diff := cmp.Diff(want, statuses); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

func playScripts(t *testing.T, s *Store) (replies [][]any) {
	t.Helper()
	add := func(r []any) { replies = append(replies, r) }
	sp := s.space("tenant")
	key := func(v string) store.Key { return store.Key{Kind: "k}\x00", Value: v} }
	a := store.Record{
		ID: "a", Kind: "user", Unique: []store.Key{key("1")}, Index: []store.Key{key("x")},
		Due: time.UnixMilli(253402300799999), Data: []byte("\x00\xff\r\n"),
	}
	b := store.Record{ID: "b", Kind: "user", Unique: []store.Key{key("2")}}
	taker, twin := b, b
	taker.ID, taker.Unique = "c", []store.Key{key("3"), key("1")}
	twin.ID = "d"

	add(raw(t, s, "n1", false, store.Create(a, []byte("note")), store.Create(b, nil)))
	add(raw(t, s, "n1", true, store.Create(a, []byte("note")), store.Create(b, nil))) // the first outcome again
	add(raw(t, s, "n2", false, store.Create(a, nil)))
	add(raw(t, s, "n3", true, store.Create(a, nil)))
	a.Revision, a.Created = 1, 1
	b.Revision, b.Created = 2, 2
	gone := raw(t, s, "n4", false, store.Delete(a, nil)) // now n3 could be done, but was refused
	add(raw(t, s, "n3", false, store.Create(store.Record{
		ID: a.ID, Kind: a.Kind, Unique: a.Unique, Index: a.Index, Due: a.Due, Data: a.Data,
	}, nil)))
	lie := b
	lie.Unique = []store.Key{key("other")}
	add(raw(t, s, "n5", false, store.Delete(lie, nil)))
	taker.Unique[1] = key("2")
	add(raw(t, s, "n6", false, store.Create(taker, nil)))
	free := twin
	free.Unique = []store.Key{key("9")}
	other := free
	other.ID = "e"
	add(raw(t, s, "n7", false, store.Create(free, nil), store.Create(other, nil)))

	// Revisions near the end of what a float holds.
	s.do(t, "hset", sp.records(), counterField, digits(maxRevision-10))
	add(gone)
	add(raw(t, s, "n8", false, store.Create(free, []byte("note"))))
	late := free
	late.Created, late.Revision = maxRevision-9, maxRevision-9
	moved := late
	moved.Index, moved.Due = []store.Key{key("y")}, time.UnixMilli(1)
	add(raw(t, s, "n9", false, store.Replace(late, moved, []byte{})))

	// A key whose holder does not exist is free.
	s.do(t, "hset", sp.unique(), uniqueField(key("orphan")), "nobody")
	orphan := store.Record{ID: "o", Kind: "user", Unique: []store.Key{key("orphan")}}
	add(raw(t, s, "n10", false, store.Create(orphan, []byte("note"))))

	get := func(k store.Key) {
		add(rawScript(t, s, s.scripts.get, scriptArgs(s.scripts.get,
			[]string{sp.unique(), sp.records()}, []any{"tenant", uniqueField(k)})))
	}
	get(key("none"))
	get(key("2"))
	get(key("orphan"))
	changes := func(newest, most string) {
		add(rawScript(t, s, s.scripts.changes, scriptArgs(s.scripts.changes,
			[]string{sp.records(), sp.feed()}, []any{"tenant", trimmedField, "0", "0", newest, most, "1000"})))
	}
	changes("0", "100")
	changes("1", "1")
	for range 2 {
		add(rawScript(t, s, s.scripts.trim, scriptArgs(s.scripts.trim,
			[]string{sp.records(), sp.feed()}, []any{"tenant", fmt.Sprint(int64(maxRevision)), "2", trimmedField})))
	}
	changes("0", "100")
	return append(replies, playSecond(t, s)...)
}

// playSecond plays requirements, removals, and keys whose holder does not list them.
func playSecond(t *testing.T, s *Store) (replies [][]any) {
	t.Helper()
	sp := s.space("tenant")
	play := func(b store.Batch, k known) {
		replies = append(replies, rawBatch(t, s, fmt.Sprint("second", len(replies)), false, b, k))
	}
	key := store.Key{Kind: "second", Value: "key"}
	a := store.Record{ID: "second a", Kind: "user", Unique: []store.Key{key}, Due: time.UnixMilli(7)}
	b := store.Record{ID: "second b", Kind: "user"}
	requires := func(r ...store.Require) store.Batch {
		return store.Batch{Ops: []store.Op{store.Create(b, nil)}, Require: r}
	}
	rev := rawBatch(t, s, "second", false, store.Ops(store.Create(a, nil)), known{})[2].(string)
	a.Revision, _ = parseDigits(rev)
	play(requires(store.RequireAt(a), store.RequireNone(a.ID)), known{})
	play(requires(store.Require{ID: a.ID, Revision: 1}), known{})
	play(requires(store.RequireFree(key)), known{})
	play(requires(store.RequireAt(a), store.RequireNone("none"), store.RequireFree(store.Key{Kind: "second"})), known{})

	removes := func(id string, k removal) {
		play(store.Ops(store.Remove(id, "user", nil)), known{removals: map[string]removal{id: k}})
	}
	removes("none", removal{})
	removes(b.ID, removal{old: &b, hash: sha1hex(s.stored(t, b.ID))})
	removes(a.ID, removal{})
	removes(a.ID, removal{old: &a, hash: sha1hex("earlier")})
	removes("none", removal{old: &b, hash: sha1hex("earlier")})
	removes(a.ID, removal{old: &a, hash: sha1hex("other")})

	// Damaged in its digest.
	stored := s.stored(t, a.ID)
	bad := flipped(stored, 8*bodyAt+9)
	s.do(t, "hset", sp.records(), a.ID, bad)
	play(store.Ops(store.Delete(a, nil)), known{})
	play(requires(store.RequireAt(a)), known{})
	removes(a.ID, removal{old: &a, hash: sha1hex(stored)})
	taker := store.Record{ID: "second c", Kind: "user", Unique: []store.Key{key}}
	play(store.Ops(store.Create(taker, nil)), known{})
	damaged := removal{old: &store.Record{ID: a.ID, Kind: "user"}, hash: sha1hex(bad)}
	play(store.Ops(store.Remove(a.ID, "user", []byte("note")), store.Create(taker, nil)),
		known{removals: map[string]removal{a.ID: damaged}})

	// A key whose holder does not list it is free only at the revision that is known.
	s.do(t, "hset", sp.unique(), uniqueField(store.Key{Kind: "left"}), taker.ID)
	last := store.Record{ID: "second d", Kind: "user", Unique: []store.Key{{Kind: "left"}}}
	unlisted := func(rev string) known {
		return known{unlisted: map[string]string{uniqueField(last.Unique[0]): rev + taker.ID}}
	}
	play(store.Ops(store.Create(last, nil)), unlisted(digits(1)))
	play(store.Ops(store.Create(last, nil)), unlisted(s.stored(t, taker.ID)[:digitsLen]))

	replies = append(replies, rawScript(t, s, s.scripts.confirm,
		scriptArgs(s.scripts.confirm, []string{sp.nonces()}, []any{sp.tenant})))
	s.do(t, "hset", sp.records(), counterField, "x")
	play(store.Ops(store.Create(last, nil)), known{})
	return replies
}

// Replies that are not about the call are never believed.
func TestRepliesAreVerified(t *testing.T) {
	for _, val := range []any{
		nil, "done",
		[]any{},
		[]any{"done"},
		[]any{"done", "other", "nonce", "1"},
		[]any{"done", "tenant", "other", "1"},
		[]any{"done", "tenant", "nonce", nil},
		[]any{"done", "tenant", int64(1)},
	} {
		if _, err := parseReply(val, "tenant", "nonce"); !errors.Is(err, errReply) {
			t.Errorf("%v is believed: %v", val, err)
		}
	}
	p, err := newPlan(layout{prefix: "p"}.space("tenant"), store.Ops(store.Create(store.Record{ID: "id", Kind: "user"}, nil)), known{}, newNonce())
	if err != nil {
		t.Fatal(err)
	}
	for _, last := range []string{"", "0", "x", digits(0)} {
		if _, err := p.outcome("done" + p.nonce + last); !errors.Is(err, store.ErrUnknown) {
			t.Errorf("done, %q: %v, want unknown", last, err)
		}
	}
	if _, err := p.outcome("done" + newNonce() + digits(1)); !errors.Is(err, errReply) {
		t.Errorf("the answer to another write is believed: %v", err)
	}
	for _, got := range []reply{
		{"stale", []string{"0"}},
		{"stale", []string{"op", "1"}},
		{"stale", []string{"op", "-1"}},
		{"stale", []string{"require", "0"}},
		{"stale", []string{"other", "0"}},
		{"taken", []string{"op", "0", "id", "record"}},
		{"taken", []string{"require", "0", "id", "record"}},
		{"twice", nil},
		{"other", nil},
		{"", nil},
		{"false", []string{""}},
	} {
		_, err := p.outcome(append([]any{got.status, p.nonce}, anys(got.args)...))
		if !errors.Is(err, store.ErrUnknown) {
			t.Errorf("%v: %v, want unknown", got, err)
		}
	}
	r := store.Record{ID: "id", Kind: "user", Unique: []store.Key{{Kind: "k", Value: "v"}}}
	r.Created, r.Revision = 1, 1
	stored := encodeRecord("tenant", &r)
	if _, err := decodeRecord("tenant", "id", stored); err != nil {
		t.Fatal(err)
	}
	for _, whose := range [][2]string{{"other", "id"}, {"tenant", "other"}, {"tenanti", "d"}} {
		if _, err := decodeRecord(whose[0], whose[1], stored); !errors.Is(err, errDamaged) {
			t.Errorf("a record of another tenant or ID is believed: %v", err)
		}
	}
	change := digits(1) + encodeOp(tenantTag("tenant"), store.Create(r, []byte("note")))
	if c := decodeChange(string(tenantTag("other")), change, 1); !c.Damaged {
		t.Errorf("a change of another tenant is believed: %+v", c)
	}
}

// Reading a damaged value never panics.
func FuzzDecode(f *testing.F) {
	r := store.Record{
		ID: "id", Kind: "user", Unique: []store.Key{{Kind: "k", Value: "v"}},
		Index: []store.Key{{Kind: "k"}}, Due: time.UnixMilli(5), Data: []byte("data"),
	}
	r.Created, r.Revision = 1, 1
	f.Add(encodeRecord("tenant", &r))
	f.Add(digits(1) + encodeOp(tenantTag("tenant"), store.Create(r, []byte("note"))))
	f.Add("")
	f.Fuzz(func(t *testing.T, stored string) {
		got, err := decodeRecord("tenant", "id", stored)
		if err == nil && front(&got)+string(encodeBody("tenant", &got, stored[bodyAt+writerAt:bodyAt+headAt])) != stored {
			t.Errorf("%q is read as %+v, which is stored otherwise", stored, got)
		}
		_ = decodeChange(string(tenantTag("tenant")), stored, 1)
		_, _ = parseDue(stored)
		_, _, _ = splitMember(stored)
	})
}

// Names of keys are part of the format, and no two things have the same.
func TestLayout(t *testing.T) {
	if got := []int{bucketOf("acme"), bucketOf("a}b{x"), bucketOf("\x00")}; !slices.Equal(got, []int{527, 896, 991}) {
		t.Errorf("buckets %v, want %v: stored data would not be found", got, []int{527, 896, 991})
	}
	l := layout{prefix: "p:"}
	seen := map[string]string{}
	parts := []string{"a", "aa", "1:a", "a1:", ":", "1", "2:aa", "k", ":k:", "}", "{0}"}
	for _, tenant := range parts {
		s := l.space(tenant)
		names := map[string]string{"r": s.records(), "u": s.unique(), "f": s.feed()}
		for _, kind := range parts {
			names["k"+kind], names["d"+kind] = s.kind(kind), s.due(kind)
			for _, k := range parts {
				for _, v := range append(parts, "") {
					names[fmt.Sprintf("i %q %q %q", kind, k, v)] = s.index(kind, store.Key{Kind: k, Value: v})
				}
			}
		}
		for what, name := range names {
			what = fmt.Sprintf("%q of %q", what, tenant)
			if other, ok := seen[name]; ok {
				t.Errorf("%s and %s: the same key %q", what, other, name)
			}
			seen[name] = what
		}
	}
}
