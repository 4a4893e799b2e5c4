package enduser

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// SensitiveTTL is how long a sensitive value can be read after it was written. Then it does
// not exist for any call, and [Manager.Sweep] deletes it.
//
// If a value's deadline is more than 24 hours and five minutes away, the clock that set it was
// ahead. Such a value does not exist for any call either. So the clocks of the processes on a
// store should agree within five minutes: for a process whose clock is further behind, live
// values have expired. The bytes of such a value are deleted by the next write of the user's
// sensitive values, with the user, or by a Manager that has been sweeping for an hour. In
// copies of the store they can be opened until their key is destroyed.
const SensitiveTTL = 24 * time.Hour

// sensitiveField is the field's name in errors and changes.
const sensitiveField = "sensitive"

const (
	maxSensitive      = 128 // values of a user at a time
	maxSensitiveKey   = 128 // characters
	maxSensitiveValue = 4 << 10
	maxSensitiveBytes = 768 << 10 // bytes of a user's sealed values
)

// RevealSensitive returns the live sensitive values of a user. It is for the host's own
// program: no HTTP route calls it. It leaves out values that cannot be opened, and returns
// an error beside the others: ErrNoKey if the keyring does not have the key, ErrCorrupt if
// the value is damaged. It returns ErrNoKeyring without a Keyring, and an [UnreadableError]
// if all values are unreadable.
func (t Tenant) RevealSensitive(ctx context.Context, ref Ref) (map[string]Value, error) {
	w, err := t.writer()
	if err != nil {
		return nil, err
	}
	if !w.m.HasKeyring() {
		return nil, ErrNoKeyring
	}
	_, u, err := w.get(ctx, w.name, ref, w.now)
	if err != nil {
		return nil, err
	}
	v, err := w.sensitive(ctx, &u, false)
	if err != nil {
		return nil, err
	}
	values := make(map[string]Value)
	var lost failures
	for _, s := range v.live(w.now) {
		text, err := w.m.open(ctx, s.sealed, sensitivePlace(w.name, u.ID, s.key, s.until))
		switch {
		case err == nil:
			values[s.key] = valueOf(text)
		case !lost.add(err):
			return nil, err
		}
	}
	return values, lost.err()
}

// values returns how many values the edit sets.
func (e *sensitiveEdit) values() int {
	count := 0
	for _, s := range e.set {
		if !s.IsNull() {
			count++
		}
	}
	return count
}

func checkSensitiveCount(v *violations, count int) {
	if count > maxSensitive {
		v.add(Field{Name: sensitiveField}, CodeCount, fmt.Sprintf("must have at most %d keys", maxSensitive))
	}
}

// checkSensitive validates the values that an edit sets.
func checkSensitive(v *violations, edit *sensitiveEdit) {
	if len(edit.set) == 0 {
		return
	}
	before := len(*v)
	checkSensitiveCount(v, edit.values())
	if len(*v) > before {
		return
	}
	for _, key := range sortedKeys(edit.set) {
		s, field := edit.set[key], Field{Name: sensitiveField, Key: key}
		switch {
		case key == "" || len(key) > maxSensitiveKey || !isOf(key, "-_"):
			v.add(Field{Name: sensitiveField}, CodeValue, "a key must have 1 to 128 letters, digits, - and _")
			continue
		case s.IsNull():
			continue
		}
		switch text, isString := s.reveal().Str(); {
		case isString && text == "":
			v.add(field, CodeRequired, "must not be empty")
		case isString && len(text) > maxSensitiveValue:
			v.add(field, CodeLength, fmt.Sprintf("must have at most %d bytes", maxSensitiveValue))
		case isString:
		default:
			_, isInt := s.reveal().Int64()
			_, isBool := s.reveal().Bool()
			if !isInt && !isBool {
				v.add(field, CodeValue, "must be a string, an integer or a boolean")
			}
		}
	}
}

// fields returns the names of the values that an edit changes.
func (e *sensitiveEdit) fields(live []sealedValue) []string {
	const prefix = sensitiveField + "."
	var fields []string
	for key, s := range e.set {
		if !s.IsNull() {
			fields = append(fields, prefix+key)
		}
	}
	for _, s := range live {
		if set, given := e.set[s.key]; (e.clear && !given) || (given && set.IsNull()) {
			fields = append(fields, prefix+s.key)
		}
	}
	if len(fields) > maxNamedKeys {
		return []string{sensitiveField}
	}
	slices.Sort(fields)
	return fields
}
