package fold

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestWords(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		want []string
	}{
		{"", nil},
		{" .,;-—!? ", nil},
		{"Ann", []string{"ANN"}},
		{"  Ann   Smith ", []string{"ANN", "SMITH"}},
		{"Ann ann ANN", []string{"ANN"}},
		{"Smith, Ann (Ms.)", []string{"SMITH", "ANN", "MS"}},
		{"O'Neil", []string{"O", "NEIL"}},
		{"Jean-Luc_Picard", []string{"JEAN", "LUC", "PICARD"}},
		{"ann@example.com", []string{"ANN", "EXAMPLE", "COM"}},
		{"R2D2 7", []string{"R2D2", "7"}},
		{"Zo\u00eb", []string{"ZO\u00cb"}},
		{"Zoe\u0308", []string{"ZO\u00cb"}},
		{"\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", []string{"\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3"}},
		{"Stra\u00dfe", []string{"STRA\u00dfE"}},
		{"\u5c71\u7530 \u592a\u90ce", []string{"\u5c71\u7530", "\u592a\u90ce"}},
		{"\u0928\u092e\u0938\u094d\u0924\u0947", []string{"\u0928\u092e\u0938\u094d\u0924\u0947"}}, // marks stay with their letters
		{"\u0661\u0662", []string{"\u0661\u0662"}},
		{"a\u00a0b\u2003c\u200bd", []string{"A", "B", "C", "D"}},
		{"\U0001f600Ann\U0001f600", []string{"ANN"}},
		{"\u00bd \u2163 \u00b2", nil}, // numbers that are no digits
		{"\xff", nil},
		{"a\xffb", []string{"A", "B"}},
	} {
		if diff := cmp.Diff(row.want, Words(row.name, MaxWords)); diff != "" {
			t.Errorf("Words(%+q) (-want +got):\n%s", row.name, diff)
		}
	}
}

func TestWordsAreLimited(t *testing.T) {
	t.Parallel()
	var name strings.Builder
	for i := range 40 {
		fmt.Fprintf(&name, "w%d W%d ", i, i)
	}
	for _, limit := range []int{1, 8, 9, 15, 16} {
		got := Words(name.String(), limit)
		if len(got) != limit {
			t.Errorf("%d words, want %d", len(got), limit)
		}
		for i, word := range got {
			if word != fmt.Sprint("W", i) {
				t.Errorf("word %d of %d is %q", i, limit, word)
			}
		}
	}
	long := strings.Repeat("x", 5000)
	if got := Words(long, MaxWords); !slices.Equal(got, []string{strings.ToUpper(long)}) {
		t.Errorf("a long word gives %d words", len(got))
	}
}

// The words of a name do not depend on how it is composed, nor on case.
func TestWordsOfCanonicalEquivalents(t *testing.T) {
	t.Parallel()
	eachScalar(t, func(r rune) {
		s := "a" + string(r) + "b"
		composed, decomposed := norm.NFC.String(s), norm.NFD.String(s)
		if composed == decomposed {
			return
		}
		if a, b := Words(composed, MaxWords), Words(decomposed, MaxWords); !slices.Equal(a, b) {
			t.Errorf("%+q: %+q, %+q: %+q", composed, a, decomposed, b)
		}
	})
}

func TestWordsOfRandomNames(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		got := Words(name, MaxWords)
		if len(got) > MaxWords {
			t.Fatalf("%d words", len(got))
		}
		for i, word := range got {
			if word == "" || slices.Contains(got[:i], word) {
				t.Fatalf("Words(%+q) = %+q", name, got)
			}
			if again := Words(word, 2); !slices.Equal(again, []string{word}) {
				t.Fatalf("the word %+q has the words %+q", word, again)
			}
		}
		if folds(name) {
			if other := Words(otherCase(name), MaxWords); !slices.Equal(got, other) {
				t.Fatalf("%+q: %+q; in another case %+q", name, got, other)
			}
		}
	})
}
