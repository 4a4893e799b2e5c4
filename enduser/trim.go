package enduser

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/store"
)

// TrimChanges deletes the changes before a position for good. It keeps the
// change at the position, so that a reader who is there can go on. It returns ErrTrimmed,
// and trims nothing, if the position is of a history that was lost.
func (t Tenant) TrimChanges(ctx context.Context, through Position) error {
	f, err := t.feed()
	if err != nil {
		return err
	}
	if err := f.check(ChangeQuery{After: through}); err != nil {
		return err
	}
	if through.IsZero() || through == f.origin() {
		return nil
	}
	switch _, err := f.after(ctx, ChangeQuery{After: through, Limit: 1}); {
	case errors.Is(err, store.ErrTrimmed): // it was trimmed already
		return nil
	case err != nil:
		return err
	}
	return translate("trim changes", f.store.Trim(ctx, f.name, store.Revision(through.revision)))
}
