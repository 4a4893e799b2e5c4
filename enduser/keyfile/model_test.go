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
)

// model is what has to be in the file, and three processes that use it.
type model struct {
	path  string
	clock *clock
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

// TestModel does things in any order, in three processes, with a clock that goes
// only forward, and compares with what a list of keys would do.
func TestModel(t *testing.T) {
	t.Parallel()
	// Every write waits for the disk: fewer sequences, unless a number was asked for.
	if checks := flag.Lookup("rapid.checks").Value; checks.String() == "100" {
		if err := checks.Set("25"); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "keyfile")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m := &model{path: filepath.Join(dir, "rollbook.keys"), clock: newClock()}
		for range 3 {
			m.ring = append(m.ring, m.open(t))
		}
		key, err := m.ring[0].SealingKey(context.Background(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
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
	k, err := keyfile.Open(context.Background(), m.path, &keyfile.Options{Now: m.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (m *model) any(t *rapid.T) *keyfile.Keyring { return rapid.SampledFrom(m.ring).Draw(t, "process") }

func (m *model) pass(t *rapid.T) {
	m.clock.Add(rapid.SampledFrom([]time.Duration{1, time.Minute, 30 * time.Minute, time.Hour, 11 * time.Hour, day}).Draw(t, "time"))
}

// seal asks for a key with or without a deadline. There is one for each hour.
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
	if err := k.DestroyKeys(context.Background()); err != nil {
		t.Fatal(err)
	}
	infos, err := k.Keys(context.Background())
	if err != nil {
		t.Fatal(err)
	}
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
	id, err := k.Add(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	key, err := k.OpeningKey(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
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
		// Each sees it as soon as it looks at the file.
		if _, err := k.SealingKey(context.Background(), time.Time{}); err != nil {
			t.Fatal(err)
		}
		if _, err := k.OpeningKey(context.Background(), key.id); !errors.Is(err, enduser.ErrNoKey) {
			t.Fatalf("a retired key: %v", err)
		}
	}
}

// refused says why a key is neither promoted nor retired.
func (m *model) refused(key modelKey) error {
	switch {
	case m.over(key): // destroyed by the call, if not before
		return enduser.ErrNoKey
	case !key.hour.IsZero():
		return keyfile.ErrEpoch
	}
	return nil
}

// check opens everything in every process.
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
