package memory

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/store"
)

// The ordered list against a slice that is sorted again after every step.
func TestSorted(t *testing.T) {
	t.Run("by created", testSorted[byCreated])
	t.Run("by due", testSorted[byDue])
}

func testSorted[O order[*entry]](t *testing.T) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		var list sorted[*entry, O]
		var want []*entry
		var o O
		compare := func(a, b *entry) int {
			switch {
			case o.before(a, b):
				return -1
			case o.before(b, a):
				return 1
			}
			return 0
		}
		anyEntry := rapid.Custom(func(t *rapid.T) *entry {
			return &entry{
				created: store.Revision(rapid.Int64Range(1, 5000).Draw(t, "created")),
				due:     rapid.Int64Range(0, 3).Draw(t, "due"),
			}
		})
		add := func(e *entry) {
			if at, taken := slices.BinarySearchFunc(want, e, compare); !taken {
				list.insert(e)
				want = slices.Insert(want, at, e)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(t *rapid.T) { add(anyEntry.Draw(t, "entry")) },
			"insert many": func(t *rapid.T) { // to fill chunks
				from, step := anyEntry.Draw(t, "from"), store.Revision(rapid.Int64Range(-3, 3).Draw(t, "step"))
				for i := range store.Revision(rapid.Int64Range(1, 1500).Draw(t, "count")) {
					add(&entry{created: from.created + i*step, due: from.due})
				}
			},
			"remove": func(t *rapid.T) {
				if len(want) == 0 {
					t.Skip("empty")
				}
				from := rapid.IntRange(0, len(want)-1).Draw(t, "from")
				to := rapid.IntRange(from+1, min(len(want), from+1500)).Draw(t, "to")
				for _, e := range want[from:to] {
					list.remove(e)
				}
				want = slices.Delete(want, from, to)
			},
			"": func(t *rapid.T) {
				if list.len() != len(want) {
					t.Fatalf("length %d, want %d", list.len(), len(want))
				}
				e := anyEntry.Draw(t, "seek")
				at, _ := slices.BinarySearchFunc(want, e, compare)
				if got := slices.Collect(list.ascend(e)); !slices.Equal(got, want[at:]) {
					t.Fatalf("ascending from place %d: %d entries, want %d", at, len(got), len(want)-at)
				}
				down := slices.Clone(want[:at])
				slices.Reverse(down)
				if got := slices.Collect(list.descend(e)); !slices.Equal(got, down) {
					t.Fatalf("descending from place %d: %d entries, want %d", at, len(got), at)
				}
				if len(want) > 0 && list.first() != want[0] {
					t.Fatal("first is not the first")
				}
				auditChunks(t, &list)
			},
		})
	})
}

// auditChunks checks what keeps the list fast: no empty or overlong chunk, and no
// two neighbors that should be one.
func auditChunks[O order[*entry]](t *rapid.T, list *sorted[*entry, O]) {
	for c, chunk := range list.chunks {
		if len(chunk) == 0 || len(chunk) > chunkSize {
			t.Fatalf("chunk %d of %d has %d entries", c, len(list.chunks), len(chunk))
		}
		if c > 0 && len(list.chunks[c-1])+len(chunk) <= chunkSize/2 {
			t.Fatalf("chunks %d and %d of %d could be one", c-1, c, len(list.chunks))
		}
	}
}
