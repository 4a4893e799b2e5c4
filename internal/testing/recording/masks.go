package recording

import (
	"regexp"
	"strings"
)

// Mask is a form of text that is another at every run.
type Mask struct {
	Name    string // as which it is compared
	Pattern *regexp.Regexp
	ID      bool // the page shows one, and later commands name it
}

// Masks are the forms in the order in which they are looked for.
var Masks = []Mask{
	{"TIME", regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`), false},
	{"KEY", regexp.MustCompile(`\bk-[0-9a-f]{16}\b`), true},
	{"HOURKEY", regexp.MustCompile(`\be\d{10}-[0-9a-f]{16}\b`), true},
	{"CREDENTIAL", regexp.MustCompile(`\brbk_[A-Z2-7]{26}\b`), true},
	{"HASH", regexp.MustCompile(`\b[0-9a-f]{64}\b`), true}, // also a token
	{"COMMIT", regexp.MustCompile(`\b[0-9a-f]{40}( and changes)?\b`), false},
	{"ID", regexp.MustCompile(`\b[0-9a-f]{24}\b`), true},
	{"VERSION", regexp.MustCompile(`\bAQAA[\w-]{16}`), true},
	{"GO", regexp.MustCompile(`\bgo1\.\d[\w.-]*( X:[\w,]+)?`), false},
	{"PLATFORM", regexp.MustCompile(`\b(linux|darwin|freebsd)/[a-z0-9]+\b`), false},
	{"DURATION", regexp.MustCompile(`\b(\d+(\.\d+)?(h|ms|m|µs|s))+\b`), false},
	{"RATE", regexp.MustCompile(`\b\d[\d,.]*/s\b`), false},
	{"BYTES", regexp.MustCompile(`\b\d[\d,.]* ?([KMG]i?)?B\b`), false},
	{"NUMBER", regexp.MustCompile(`\b\d{5,10}\b`), false}, // a group's number, and five digits of anything
}

var spaces = regexp.MustCompile(`  +`)

// masked returns the form of an output: with names instead of what is another at every run, and
// without the width of columns. It also returns the IDs in it.
func masked(text string) (form string, ids []string) {
	for {
		first, at := -1, []int(nil)
		for i, m := range Masks {
			if found := m.Pattern.FindStringIndex(text); found != nil && (at == nil || found[0] < at[0]) {
				first, at = i, found
			}
		}
		if first < 0 {
			break
		}
		form += text[:at[0]] + "<" + Masks[first].Name + ">"
		if Masks[first].ID {
			ids = append(ids, text[at[0]:at[1]])
		}
		text = text[at[1]:]
	}
	form = spaces.ReplaceAllString(form+text, "  ")
	lines := strings.Split(form, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n"), ids
}
