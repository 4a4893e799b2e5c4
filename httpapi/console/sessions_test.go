package console

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/internal/testing/clock"
)

func newTestSessions(most, share int) (*memorySessions, *clock.Clock) {
	now := clock.At(time.Date(2026, 1, 28, 10, 43, 43, 0, time.UTC))
	s := newMemorySessions(now.Now)
	s.max, s.share = most, share
	return s, now
}

// TestSessionsMakeRoom: when all room is taken, a session goes whose time has passed, else the one
// that ends first, else, of a credential that has its share, one of its own.
func TestSessionsMakeRoom(t *testing.T) {
	t.Parallel()
	s, now := newTestSessions(4, 3)
	put := func(owner, id string, long time.Duration) {
		s.putFor(owner, id, []byte(id), now.Now().Add(long))
	}
	want := func(ids ...string) {
		t.Helper()
		for _, id := range ids {
			if got, err := s.Get(t.Context(), id); string(got) != id || err != nil {
				t.Errorf("%s: got %q, %v", id, got, err)
			}
		}
		if len(s.all) != len(ids) {
			t.Errorf("there are %d, want %v", len(s.all), ids)
		}
	}
	put("ann", "a1", 1*time.Hour)
	put("bob", "b1", 2*time.Hour)
	put("bob", "b2", 3*time.Hour)
	put("bob", "b3", 4*time.Hour)
	want("a1", "b1", "b2", "b3")
	put("bob", "b4", 5*time.Hour) // over his share
	want("a1", "b2", "b3", "b4")
	put("eve", "e1", time.Minute) // over all
	want("b2", "b3", "b4", "e1")
	now.Advance(time.Minute)
	want2, err := s.Get(t.Context(), "e1")
	if want2 != nil || err != nil {
		t.Errorf("at its end: %q, %v", want2, err)
	}
	put("ann", "a2", time.Hour) // in place of what has ended
	want("a2", "b2", "b3", "b4")
	put("ann", "a2", 2*time.Hour) // again
	want("a2", "b2", "b3", "b4")
	for range 2 {
		if err := s.Delete(t.Context(), "b3"); err != nil {
			t.Error(err)
		}
	}
	want("a2", "b2", "b4")
}

// TestSessionsModel: after any calls, what is kept is within the limits, what was put and not
// displaced is there, and the heaps have the same records as the map.
func TestSessionsModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const most, share = 8, 3
		s, now := newTestSessions(most, share)
		owner := rapid.SampledFrom([]string{"", "ann", "bob", "eve", "dan"})
		id := rapid.StringMatching("[a-p]")
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				id := id.Draw(t, "id")
				until := now.Now().Add(time.Duration(rapid.IntRange(1, 9).Draw(t, "minutes")) * time.Minute)
				s.putFor(owner.Draw(t, "owner"), id, []byte(id), until)
				if got, _ := s.Get(t.Context(), id); string(got) != id {
					t.Fatalf("%q is not there after it was put", id)
				}
			},
			"delete": func(t *rapid.T) {
				id := id.Draw(t, "id")
				_ = s.Delete(t.Context(), id)
				if got, _ := s.Get(t.Context(), id); got != nil {
					t.Fatalf("%q is there after it was deleted", id)
				}
			},
			"wait": func(*rapid.T) { now.Advance(time.Minute) },
			"": func(t *rapid.T) {
				count := 0
				for name, of := range s.owners {
					if count += of.Len(); of.Len() == 0 || of.Len() > share {
						t.Fatalf("%q has %d", name, of.Len())
					}
					for i, r := range of.records {
						if r.owner != name || r.at[1] != i {
							t.Fatalf("%q is in the heap of %q at %d", r.owner, name, i)
						}
					}
				}
				if len(s.all) > most || count != len(s.all) || s.ends.Len() != len(s.all) {
					t.Fatalf("%d kept, %d of owners, %d by end", len(s.all), count, s.ends.Len())
				}
				for i, r := range s.ends.records {
					if s.all[r.id] != r || r.at[0] != i || r.until.Before(s.ends.records[0].until) {
						t.Fatalf("record %q is at %d of the heap", r.id, i)
					}
				}
			},
		})
	})
}

// TestSessionsLimits: the limits are those that the documentation names.
func TestSessionsLimits(t *testing.T) {
	t.Parallel()
	s := newMemorySessions(time.Now)
	until := time.Now().Add(time.Hour)
	for owner := range 12 {
		for i := range 1_001 {
			s.putFor(strings.Repeat("o", owner), fmt.Sprint(owner, " ", i), nil, until)
		}
	}
	if len(s.all) != 10_000 || s.owners[""] != nil && s.owners[""].Len() > 1_000 {
		t.Errorf("%d are kept", len(s.all))
	}
}
