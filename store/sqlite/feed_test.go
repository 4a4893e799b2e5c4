package sqlite_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/rollbook-go/rollbook/store"
)

// TestTrimSteps trims a feed of several steps, in which not every revision has an
// entry: what was forgotten last is said exactly.
func TestTrimSteps(t *testing.T) {
	s := open(t, file(t), nil)
	var ops []store.Op
	for i := 1; i <= 5000; i++ { // every second one has a note
		op := store.Create(user(fmt.Sprint(i)), nil)
		if i%2 == 0 {
			op.Note = []byte("note")
		}
		ops = append(ops, op)
	}
	create(t, s, "t", ops)
	for _, step := range []struct{ through, forgotten store.Revision }{
		{1, 0}, {2, 0}, {3, 0}, {4, 2}, {4501, 4498}, {4501, 4498}, {9999, 4998},
	} {
		must(t, s.Trim(t.Context(), "t", step.through))
		page, err := s.Changes(t.Context(), "t", store.ChangeQuery{After: step.forgotten, Limit: 1})
		if err != nil || len(page.Changes) != 1 || page.Changes[0].Seq != step.forgotten+2 || page.Trimmed != step.forgotten {
			t.Errorf("through %d: %+v, %v", step.through, page, err)
		}
		if step.forgotten == 0 {
			continue
		}
		var trimmed *store.TrimmedError
		_, err = s.Changes(t.Context(), "t", store.ChangeQuery{After: step.forgotten - 1})
		if !errors.As(err, &trimmed) || trimmed.Through != step.forgotten {
			t.Errorf("through %d, after %d: %v", step.through, step.forgotten-1, err)
		}
	}
}
