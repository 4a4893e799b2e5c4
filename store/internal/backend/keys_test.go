package backend_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/internal/backend"
)

// TestKeys: keys are read as they were appended, and no list that shares the piece of another
// can write into it.
func TestKeys(t *testing.T) {
	key := rapid.Custom(func(t *rapid.T) store.Key {
		return store.Key{
			Kind:  rapid.StringN(1, -1, store.MaxKind).Draw(t, "kind"),
			Value: rapid.StringN(0, -1, store.MaxKeyValue).Draw(t, "value"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		var piece []store.Key
		var want, got [][]store.Key
		for range rapid.IntRange(1, 5).Draw(t, "records") {
			unique := rapid.SliceOfN(key, 0, store.MaxUnique).Draw(t, "unique")
			index := rapid.SliceOfN(key, 0, store.MaxIndex).Draw(t, "index")
			b := backend.AppendKeys(nil, unique, index)
			if most := backend.SizeOfKeys(unique, index); len(b) > most {
				t.Fatalf("%d bytes, more than %d", len(b), most)
			}
			u, i, ok := backend.CutKeys(string(b), &piece)
			if !ok {
				t.Fatal("refused")
			}
			want, got = append(want, unique, index), append(got, u, i)
		}
		for _, keys := range got {
			_ = append(keys, store.Key{Kind: "another"})
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// FuzzCutKeys: any text is refused, or is one that AppendKeys makes.
func FuzzCutKeys(f *testing.F) {
	whole := string(backend.AppendKeys(nil, []store.Key{{Kind: "email", Value: "a@example.com"}}, []store.Key{{Kind: "word"}}))
	for _, text := range []string{
		"", whole, whole[:len(whole)-1], whole + "x", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x01\x00\x01k\x80\x80\x80\x01",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, i, ok := backend.CutKeys(text, new([]store.Key))
		if !ok {
			return
		}
		u2, i2, ok := backend.CutKeys(string(backend.AppendKeys(nil, u, i)), new([]store.Key))
		if !ok || !cmp.Equal(u, u2, cmpopts.EquateEmpty()) || !cmp.Equal(i, i2, cmpopts.EquateEmpty()) {
			t.Errorf("%q %q are read again as %q %q, %v", u, i, u2, i2, ok)
		}
	})
}

// TestCutKeysRefuses: no text is read as keys if a part of it is missing, or too much.
func TestCutKeysRefuses(t *testing.T) {
	whole := string(backend.AppendKeys(nil, []store.Key{{Kind: "email", Value: "a@example.com"}}, []store.Key{{Kind: "word"}}))
	for _, text := range []string{"", whole[:1], whole[:len(whole)-1], whole + "x", "\xff\xff\xff\xff", "\x7f\x00"} {
		if u, i, ok := backend.CutKeys(text, new([]store.Key)); ok {
			t.Errorf("%q: %q, %q", text, u, i)
		}
	}
}
