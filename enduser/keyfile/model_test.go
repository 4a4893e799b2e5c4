//go:build unix && !aix && !solaris

package keyfile_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/internal/testing/size"
)

// model holds what the file must have, and three processes that use it.
type model struct {
	path  string
	clock *clock.Clock
	ring  []*keyfile.Keyring

	keys    []modelKey
	primary string
}

type modelKey struct {
	id, sum string
	hour    time.Time // zero: durable
}

func (m *model) over(k modelKey) bool {
	return !k.hour.IsZero() && !m.clock.Now().Before(k.hour.Add(25*time.Hour))
}

// Calls in any order, in three processes, with a clock that only goes forward, do what a
// list of keys would do.
func TestModel(t *testing.T) {
	t.Parallel()
	// Every write waits for the disk: run fewer sequences, unless the flag gives a number.
	if checks := flag.Lookup("rapid.checks").Value; checks.String() == "100" {
		ok(t, checks.Set(size.Pick(t, "10", "25", "100")))
	}
	rapid.Check(t, func(t *rapid.T) {
		dir := must(os.MkdirTemp("", "keyfile"))(t)
		defer os.RemoveAll(dir)
		m := &model{path: filepath.Join(dir, "rollbook.keys"), clock: newClock()}
		for range 3 {
			m.ring = append(m.ring, m.open(t))
		}
		key := must(m.ring[0].SealingKey(context.Background(), time.Time{}))(t)
		m.primary = key.ID()
		m.keys = []modelKey{{id: key.ID(), sum: sumOf(key)}}
		t.Repeat(map[string]func(*rapid.T){
			"":        m.check,
			"pass":    m.pass,
			"reopen":  func(t *rapid.T) { m.ring[rapid.IntRange(0, 2).Draw(t, "process")] = m.open(t) },
			"seal":    m.seal,
			"destroy": m.destroy,
			"add":     m.add,
			"promote": m.promote,
			"retire":  m.retire,
		})
	})
}

func (m *model) open(t *rapid.T) *keyfile.Keyring {
	return must(keyfile.Open(context.Background(), m.path, &keyfile.Options{Now: m.clock.Now}))(t)
}

func (m *model) any(t *rapid.T) *keyfile.Keyring { return rapid.SampledFrom(m.ring).Draw(t, "process") }

func (m *model) pass(t *rapid.T) {
	m.clock.Advance(rapid.SampledFrom([]time.Duration{1, time.Minute, 30 * time.Minute, time.Hour, 11 * time.Hour, day}).Draw(t, "time"))
}

// seal asks for a key with or without a deadline. Each hour has one key.
func (m *model) seal(t *rapid.T) {
	k := m.any(t)
	if rapid.Bool().Draw(t, "durable") {
		key, err := k.SealingKey(context.Background(), time.Time{})
		if err != nil || key.ID() != m.primary {
			t.Fatalf("%v, %v; want %s", key, err, m.primary)
		}
		return
	}
	lives := rapid.Int64Range(0, int64(26*time.Hour)).Draw(t, "lives")
	deadline := m.clock.Now().Add(time.Duration(lives))
	hour := m.clock.Now().Truncate(time.Hour)
	key, err := k.SealingKey(context.Background(), deadline)
	if deadline.After(hour.Add(25 * time.Hour)) {
		if !errors.Is(err, keyfile.ErrDeadline) {
			t.Fatalf("%v, %v; want ErrDeadline", key, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	got := modelKey{key.ID(), sumOf(key), hour}
	i := slices.IndexFunc(m.keys, func(k modelKey) bool { return k.hour.Equal(hour) })
	if i < 0 {
		m.keys = append(m.keys, got)
	} else if got != m.keys[i] {
		t.Fatalf("%v; want %v", got, m.keys[i])
	}
}

func (m *model) destroy(t *rapid.T) {
	k := m.any(t)
	ok(t, k.DestroyKeys(context.Background()))
	infos := must(k.Keys(context.Background()))(t)
	var want, got []string
	for _, k := range m.keys {
		if !m.over(k) {
			want = append(want, k.id)
		}
	}
	for _, info := range infos {
		got = append(got, info.ID)
	}
	if !slices.Equal(want, got) {
		t.Fatalf("left are %v; want %v", got, want)
	}
}

func (m *model) add(t *rapid.T) {
	k := m.any(t)
	id := must(k.Add(context.Background()))(t)
	key := must(k.OpeningKey(context.Background(), id))(t)
	m.keys = append(m.keys, modelKey{id: id, sum: sumOf(key)})
}

func (m *model) promote(t *rapid.T) {
	key := rapid.SampledFrom(m.keys).Draw(t, "key")
	err := m.any(t).Promote(context.Background(), key.id)
	if want := m.refused(key); !errors.Is(err, want) {
		t.Fatalf("%v; want %v", err, want)
	}
	if err == nil {
		m.primary = key.id
	}
}

func (m *model) retire(t *rapid.T) {
	key := rapid.SampledFrom(m.keys).Draw(t, "key")
	k := m.any(t)
	err := k.Retire(context.Background(), key.id)
	want := m.refused(key)
	if key.id == m.primary {
		want = keyfile.ErrPrimary
	}
	if !errors.Is(err, want) {
		t.Fatalf("%v; want %v", err, want)
	}
	if err != nil {
		return
	}
	m.keys = slices.DeleteFunc(m.keys, func(k modelKey) bool { return k == key })
	for _, k := range m.ring {
		// Each notices as soon as it reads the file.
		must(k.SealingKey(context.Background(), time.Time{}))(t)
		if _, err := k.OpeningKey(context.Background(), key.id); !errors.Is(err, enduser.ErrNoKey) {
			t.Fatalf("a retired key: %v", err)
		}
	}
}

// refused returns why a key can be neither promoted nor retired.
func (m *model) refused(key modelKey) error {
	switch {
	case m.over(key): // destroyed by the call, if not before
		return enduser.ErrNoKey
	case !key.hour.IsZero():
		return keyfile.ErrEpoch
	}
	return nil
}

// check opens every key in every process.
func (m *model) check(t *rapid.T) {
	for i, k := range m.ring {
		for _, want := range m.keys {
			key, err := k.OpeningKey(context.Background(), want.id)
			switch {
			case m.over(want):
				if !errors.Is(err, enduser.ErrNoKey) {
					t.Fatalf("process %d: %s is over: %v", i, want.id, err)
				}
			case err != nil || sumOf(key) != want.sum:
				t.Fatalf("process %d: %s: %v", i, want.id, err)
			}
		}
	}
}
