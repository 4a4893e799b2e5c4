package enduser

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

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
		note := appendNote(want.Type, want.Actor, want.At, want.Fields)
		if !json.Valid(note) {
			t.Fatalf("not JSON: %s", note)
		}
		var got Change
		if err := got.scan(string(note)); err != nil {
			t.Fatalf("%v: %s", err, note)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", note, diff)
		}
	})
}

// The form of a note, to the byte: feeds that were written stay readable.
func TestNoteForm(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1700000000001).UTC()
	for _, row := range []struct {
		note string
		want Change
	}{
		{`{"type":"created","at":1700000000001}`, Change{Type: ChangeCreated, At: at}},
		{`{"type":"deleted","at":1700000000001,"actor":"key_42"}`, Change{Type: ChangeDeleted, At: at, Actor: "key_42"}},
		{`{"type":"updated","at":1700000000001,"actor":"\"\\\n","fields":["email","metadata.a\"b"]}`, Change{
			Type: ChangeUpdated, At: at, Actor: "\"\\\n", Fields: []string{"email", "metadata.a\"b"},
		}},
		{`{"type":"associated","at":1700000000001,"fields":["expires_at"]}`, Change{Type: ChangeAssociated, At: at, Fields: []string{"expires_at"}}},
		{`{"type":"expired","at":1700000000001}`, Change{Type: ChangeExpired, At: at}},
	} {
		var got Change
		if err := got.scan(row.note); err != nil {
			t.Errorf("%s: %v", row.note, err)
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.note, diff)
		}
		if again := appendNote(row.want.Type, row.want.Actor, row.want.At, row.want.Fields); string(again) != row.note {
			t.Errorf("now written as %s, was %s", again, row.note)
		}
	}
}

// A newer program may say more; an older reader passes over it.
func TestUnknownMembersOfNotes(t *testing.T) {
	t.Parallel()
	var got Change
	note := `{"new":{"deep":[1,{"x":null}]},"type":"renamed","also":"x","at":5,"more":[],"actor":"a","n":1e3,"t":true}`
	if err := got.scan(note); err != nil {
		t.Fatal(err)
	}
	want := Change{Type: "renamed", Actor: "a", At: time.UnixMilli(5).UTC()}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBrokenNotes(t *testing.T) {
	t.Parallel()
	whole := `{"type":"updated","at":1,"actor":"canary","fields":["email"]}`
	for i := range len(whole) {
		var c Change
		if err := c.scan(whole[:i]); err == nil {
			t.Errorf("the first %d bytes of a note are accepted", i)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("the error quotes the note: %v", err)
		}
	}
	for _, note := range []string{
		"null", "[]", whole + "x", `{"type":1}`, `{"at":"1"}`, `{"at":1.5}`, `{"fields":"x"}`, `{"fields":[1]}`, `{"actor":null}`,
		`{"type":"a","type":"b"}`, `{"x":{"a":1,"a":1}}`, "{\"actor\":\"\xff\"}", `{"x":NaN}`,
	} {
		var c Change
		if err := c.scan(note); err == nil {
			t.Errorf("the note %s is accepted", note)
		}
	}
}

func FuzzChangeNote(f *testing.F) {
	f.Add(`{"type":"created","at":1700000000001}`)
	f.Add(`{"type":"updated","at":1,"actor":"a","fields":["email","metadata.x"],"new":[{}]}`)
	f.Add(`{"at":-9223372036854775808}`)
	f.Add("")
	f.Fuzz(func(t *testing.T, note string) {
		var c, again Change
		if err := c.scan(note); err != nil {
			return
		}
		if strings.ContainsAny(string(c.Type), "\"\\") || strings.ContainsFunc(string(c.Type), func(r rune) bool { return r < ' ' }) {
			return // types are the constants of this package, and written as they are
		}
		if err := again.scan(string(appendNote(c.Type, c.Actor, c.At, c.Fields))); err != nil {
			t.Fatalf("%q cannot be written back: %v", note, err)
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Fatalf("%q (-first +again):\n%s", note, diff)
		}
	})
}
