package enduser

import (
	"reflect"
	"testing"
)

// These tests lead somebody who adds a field to every place that has to know it: the
// bodies of the codec's tests, the names of what changed, and Spec.Merge.

// TestFullExamples: the users and groups whose bodies the codec's tests write and read
// have something in every field.
func TestFullExamples(t *testing.T) {
	t.Parallel()
	for _, full := range []any{fullUser(), fullGroup()} {
		for field, v := range exported(reflect.ValueOf(full)) {
			if v.IsZero() {
				t.Errorf("the full %T has no %s", full, field)
			}
		}
	}
}

// TestEveryChangeIsNamed: a write that changes a field names it, or is refused. The two
// that say which state it is are new with every write.
func TestEveryChangeIsNamed(t *testing.T) {
	t.Parallel()
	old := fullUser()
	for field := range exported(reflect.ValueOf(old)) {
		u := old.Clone()
		reflect.ValueOf(&u).Elem().FieldByName(field).SetZero()
		if len(changedFields(&old, &u)) == 0 && checkReadOnly(&old, &u) == nil {
			t.Errorf("a change of %s is neither named nor refused", field)
		}
	}
	group := fullGroup()
	for field := range exported(reflect.ValueOf(group)) {
		g := group.Clone()
		reflect.ValueOf(&g).Elem().FieldByName(field).SetZero()
		if len(changedGroupFields(&group, &g)) == 0 && checkGroupReadOnly(&group, &g) == nil {
			t.Errorf("a change of a group's %s is neither named nor refused", field)
		}
	}
}

// TestMergeWritesEveryField: Merge writes what a Spec says of a user, and leaves the
// deadline.
func TestMergeWritesEveryField(t *testing.T) {
	t.Parallel()
	full := reflect.ValueOf(fullUser())
	var s Spec
	for field, to := range exported(reflect.ValueOf(&s).Elem()) {
		switch field {
		case "Clear", "Sensitive", "ExpiresIn": // not a field of the user
			continue
		}
		from := full.FieldByName(field)
		if !from.IsValid() {
			t.Errorf("a User has no %s", field)
			continue
		}
		to.Set(from)
		e := Edit{User: User{ExpiresAt: fullUser().ExpiresAt}}
		merged := reflect.ValueOf(&e.User).Elem().FieldByName(field)
		if from.Kind() == reflect.String {
			merged.SetString("old")
		}
		s.Merge(&e)
		if !e.ExpiresAt.Equal(fullUser().ExpiresAt) {
			t.Errorf("with %s, Merge sets the deadline to %v", field, e.ExpiresAt)
		}
		if merged.IsZero() || from.Kind() == reflect.String && merged.String() != from.String() {
			t.Errorf("Merge writes %v as %s", merged, field)
		}
	}
}

// exported yields the exported fields of a struct.
func exported(v reflect.Value) func(yield func(string, reflect.Value) bool) {
	return func(yield func(string, reflect.Value) bool) {
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !yield(f.Name, v.Field(i)) {
				return
			}
		}
	}
}
