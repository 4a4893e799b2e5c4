package enduser

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// samePosition compares positions as hosts do.
var samePosition = cmpopts.EquateComparable(Position{})

func TestNotesRoundTrip(t *testing.T) {
	t.Parallel()
	types := []ChangeType{ChangeCreated, ChangeUpdated, ChangeAssociated, ChangeDeleted, ChangeExpired}
	rapid.Check(t, func(t *rapid.T) {
		want := Change{
			Type:   rapid.SampledFrom(types).Draw(t, "type"),
			Actor:  rapid.String().Draw(t, "actor"),
			At:     time.UnixMilli(rapid.Int64Range(-1<<45, 1<<47).Draw(t, "at")).UTC(),
			Fields: rapid.SliceOfN(rapid.String(), 0, 20).Draw(t, "fields"),
		}
		if len(want.Fields) == 0 {
			want.Fields = nil
		}
		mark := stamp(rapid.Uint64Max(1<<48-1).Draw(t, "stamp"))
		note := noteOf(&want, mark)
		if !json.Valid(note) {
			t.Fatalf("not JSON: %s", note)
		}
		var got Change
		gotMark, err := got.scan(string(note))
		if err != nil {
			t.Fatalf("%v: %s", err, note)
		}
		if diff := cmp.Diff(want, got, samePosition); diff != "" || gotMark != mark {
			t.Fatalf("%s, stamp %d, want %d (-want +got):\n%s", note, gotMark, mark, diff)
		}
	})
}

// noteOf returns the note of a change.
func noteOf(c *Change, mark stamp) []byte {
	w := writer{now: c.At, stamp: mark, Tenant: Tenant{actor: c.Actor}}
	return w.note(c.Type, c.Fields)
}

// The form of a note, to the byte: feeds that were written stay readable.
func TestNoteForm(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1700000000001).UTC()
	for _, row := range []struct {
		note string
		want Change
	}{
		{`{"type":"created","at":1700000000001,"stamp":7}`, Change{Type: ChangeCreated, At: at}},
		{`{"type":"deleted","at":1700000000001,"stamp":7,"actor":"key_42"}`, Change{Type: ChangeDeleted, At: at, Actor: "key_42"}},
		{`{"type":"updated","at":1700000000001,"stamp":7,"actor":"\"\\\n","fields":["email","metadata.a\"b"]}`, Change{
			Type: ChangeUpdated, At: at, Actor: "\"\\\n", Fields: []string{"email", "metadata.a\"b"},
		}},
		{`{"type":"associated","at":1700000000001,"stamp":7,"fields":["expires_at"]}`, Change{Type: ChangeAssociated, At: at, Fields: []string{"expires_at"}}},
		{`{"type":"expired","at":1700000000001,"stamp":7}`, Change{Type: ChangeExpired, At: at}},
	} {
		var got Change
		mark, err := got.scan(row.note)
		if err != nil || mark != 7 {
			t.Errorf("%s: stamp %d, %v", row.note, mark, err)
		}
		if diff := cmp.Diff(row.want, got, samePosition); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.note, diff)
		}
		if again := noteOf(&row.want, 7); string(again) != row.note {
			t.Errorf("now written as %s, was %s", again, row.note)
		}
	}
}

// A newer program may say more; an older reader passes over it.
func TestUnknownMembersOfNotes(t *testing.T) {
	t.Parallel()
	var got Change
	note := `{"new":{"deep":[1,{"x":null}]},"type":"renamed","also":"x","at":5,"more":[],"actor":"a","n":1e3,"t":true}`
	if _, err := got.scan(note); err != nil {
		t.Fatal(err)
	}
	want := Change{Type: "renamed", Actor: "a", At: time.UnixMilli(5).UTC()}
	if diff := cmp.Diff(want, got, samePosition); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBrokenNotes(t *testing.T) {
	t.Parallel()
	whole := `{"type":"updated","at":1,"stamp":281474976710655,"actor":"canary","fields":["email"]}`
	for i := range len(whole) {
		var c Change
		if _, err := c.scan(whole[:i]); err == nil {
			t.Errorf("the first %d bytes of a note are accepted", i)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("the error quotes the note: %v", err)
		}
	}
	for _, note := range []string{
		"null", "[]", whole + "x", `{"type":1}`, `{"at":"1"}`, `{"at":1.5}`, `{"fields":"x"}`, `{"fields":[1]}`, `{"actor":null}`,
		`{"type":"a","type":"b"}`, `{"x":{"a":1,"a":1}}`, "{\"actor\":\"\xff\"}", `{"x":NaN}`,
		`{"stamp":-1}`, `{"stamp":281474976710656}`, `{"stamp":"1"}`, `{"stamp":1.5}`, `{"stamp":null}`,
	} {
		var c Change
		if _, err := c.scan(note); err == nil {
			t.Errorf("the note %s is accepted", note)
		}
	}
}

func FuzzChangeNote(f *testing.F) {
	f.Add(`{"type":"created","at":1700000000001}`)
	f.Add(`{"type":"updated","at":1,"actor":"a","fields":["email","metadata.x"],"new":[{}]}`)
	f.Add(`{"at":-9223372036854775808,"stamp":281474976710655}`)
	f.Add("")
	f.Fuzz(func(t *testing.T, note string) {
		var c, again Change
		mark, err := c.scan(note)
		if err != nil {
			return
		}
		if strings.ContainsAny(string(c.Type), "\"\\") || strings.ContainsFunc(string(c.Type), func(r rune) bool { return r < ' ' }) {
			return // types are the constants of this package, and written as they are
		}
		againMark, err := again.scan(string(noteOf(&c, mark)))
		if err != nil {
			t.Fatalf("%q cannot be written back: %v", note, err)
		}
		if diff := cmp.Diff(c, again, samePosition); diff != "" || againMark != mark {
			t.Fatalf("%q (-first +again):\n%s", note, diff)
		}
	})
}
