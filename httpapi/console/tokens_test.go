package console

import (
	"fmt"
	"go/ast"
	"go/types"
	"io/fs"
	"maps"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sheet returns console.css without its comments, its tokens, and what follows them.
func sheet(t *testing.T) (all, tokens, rules string) {
	t.Helper()
	text, err := fs.ReadFile(files, "static/console.css")
	if err != nil {
		t.Fatal(err)
	}
	all = regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(string(text), "")
	tokens, rules, ok := strings.Cut(all, "\n}\n")
	if !ok || !strings.HasPrefix(strings.TrimSpace(tokens), ":root {") {
		t.Fatal("the sheet does not begin with the tokens")
	}
	return all, tokens, rules
}

// luminance returns the relative luminance of a color such as "#1d56c9", as WCAG defines it.
func luminance(t *testing.T, color string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(color, "#"), 16, 24)
	if err != nil || len(color) != 7 {
		t.Fatalf("%q is not a color of 6 digits", color)
	}
	linear := func(shift int) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(16) + 0.7152*linear(8) + 0.0722*linear(0)
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// Each text can be read on each ground that it stands on, and each control is seen, in both
// themes. Grounds that a rule gives together with a color are found in the sheet.
func TestContrast(t *testing.T) {
	t.Parallel()
	_, tokens, rules := sheet(t)
	themes := map[string]map[string]string{"light": {}, "dark": {}}
	for _, m := range regexp.MustCompile(`--([a-z-]+): light-dark\((#[0-9a-f]+), (#[0-9a-f]+)\);`).FindAllStringSubmatch(tokens, -1) {
		themes["light"][m[1]], themes["dark"][m[1]] = m[2], m[3]
	}
	type pair struct {
		front, ground string
		least         float64
		light, dark   float64 // as the design promises; 0: no promise
	}
	pairs := []pair{
		{"text", "bg", 4.5, 16.6, 14.8},
		{"muted", "bg", 4.5, 6.5, 7.9},
		{"accent", "bg", 4.5, 6.5, 8.3},
		{"accent", "accent-tint", 4.5, 5.6, 6.5},
		{"ok", "ok-tint", 4.5, 5.8, 7.8},
		{"warn", "warn-tint", 4.5, 6.0, 8.3},
		{"danger", "danger-tint", 4.5, 5.8, 7.5},
		{"on-solid", "accent", 4.5, 6.5, 8.3},
		{"on-solid", "danger", 4.5, 6.8, 8.5},
		{"control", "bg", 3, 3.6, 4.8},

		{"text", "surface", 4.5, 0, 0}, // rows that are pointed at, banners, the rail
		{"muted", "surface", 4.5, 0, 0},
		{"accent", "surface", 4.5, 0, 0},
		{"text", "accent-tint", 4.5, 0, 0}, // what is shown once
		{"muted", "accent-tint", 4.5, 0, 0},
		{"ok", "bg", 4.5, 0, 0},
		{"danger", "bg", 4.5, 0, 0}, // buttons and errors
		{"danger", "surface", 4.5, 0, 0},
		{"bg", "text", 4.5, 0, 0}, // absolute times
		{"control", "surface", 3, 0, 0},
	}
	for _, m := range regexp.MustCompile(`\{([^{}]*)\}`).FindAllStringSubmatch(rules, -1) {
		front := names(`(?:^|[ ;])color: var\(--([a-z-]+)\)`, m[1])
		ground := names(`background: var\(--([a-z-]+)\)`, m[1])
		if len(front) == 1 && len(ground) == 1 {
			pairs = append(pairs, pair{front[0], ground[0], 4.5, 0, 0})
		}
	}
	for _, pair := range pairs {
		for theme, promised := range map[string]float64{"light": pair.light, "dark": pair.dark} {
			colors := themes[theme]
			got := contrast(t, colors[pair.front], colors[pair.ground])
			if got < pair.least || promised > 0 && math.Abs(got-promised) > 0.06 {
				t.Errorf("%s: %s on %s has the contrast %.2f, want at least %.1f and %.1f as promised", theme, pair.front, pair.ground, got, pair.least, promised)
			}
		}
	}
}

// Colors and lengths have names; a name that is used is defined, and one that is defined is used.
func TestTokens(t *testing.T) {
	t.Parallel()
	all, tokens, rules := sheet(t)
	if found := regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b|\b(?:rgba?|hsla?|oklch|oklab|lab|lch|color|color-mix)\(`).FindAllString(rules, -1); found != nil {
		t.Errorf("colors that are no tokens: %q", found)
	}
	lengths := regexp.MustCompile(`(?m)^@media.*$`).ReplaceAllString(rules, "")
	if found := regexp.MustCompile(`\b[0-9.]+px\b`).FindAllString(lengths, -1); found != nil {
		t.Errorf("lengths that are no tokens: %q", found)
	}
	if found := regexp.MustCompile(`@import|url\(`).FindAllString(all, -1); found != nil {
		t.Errorf("the sheet loads more: %q", found)
	}
	defined := names(`--([a-z0-9-]+):`, all)
	if d := difference(names(`--([a-z0-9-]+):`, rules), names(`--([a-z0-9-]+):`, tokens)); d != nil {
		t.Errorf("defined outside the tokens: %q", d)
	}
	used := names(`var\(--([a-z0-9-]+)\)`, all)
	if d := difference(used, defined); d != nil {
		t.Errorf("used, but not defined: %q", d)
	}
	if d := difference(defined, used); d != nil {
		t.Errorf("defined, but not used: %q", d)
	}
}

// The classes of the sheet are those of the templates, of what Go draws and of the scripts; no element
// has a style or a handler of its own.
func TestClasses(t *testing.T) {
	t.Parallel()
	_, _, rules := sheet(t)
	markup := ""
	for _, pattern := range []string{"templates/*.html", "static/*.js"} {
		all, err := fs.Glob(files, pattern)
		if err != nil || len(all) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(all), err)
		}
		for _, name := range all {
			if name == "static/htmx.min.js" {
				continue
			}
			text, err := fs.ReadFile(files, name)
			if err != nil {
				t.Fatal(err)
			}
			if found := regexp.MustCompile(`<[a-z][^>]*\s(?:style|on[a-z]+|hx-on[a-z:-]*)=`).FindAllString(string(text), -1); found != nil && path.Ext(name) == ".html" {
				t.Errorf("%s has styles or handlers of single elements: %q", name, found)
			}
			markup += string(text)
		}
	}
	markup += strings.ReplaceAll(strings.Join(formsOf(t), "\n"), "%", " ")
	markup = regexp.MustCompile(`(?s)\{\{- /\*.*?\*/ -\}\}`).ReplaceAllString(markup, "")
	inUse := map[string]bool{"ok": true, "warn": true, "danger": true, "accent": true} // the states of chips
	markup = regexp.MustCompile(`\{\{.*?\}\}`).ReplaceAllString(markup, " ")
	for _, m := range regexp.MustCompile(`class="([^"]*)"`).FindAllStringSubmatch(markup, -1) {
		for _, class := range strings.Fields(m[1]) {
			inUse[class] = true
		}
	}
	for _, class := range names(`classList\.(?:add|toggle)\("([a-z-]+)"`, markup) {
		inUse[class] = true
	}
	have := names(`\.([a-z][a-z-]*)`, regexp.MustCompile(`\{[^{}]*\}`).ReplaceAllString(rules, "{}"))
	if d := difference(slices.Sorted(maps.Keys(inUse)), have); d != nil {
		t.Errorf("classes without a rule: %q", d)
	}
	if d := difference(have, slices.Sorted(maps.Keys(inUse))); d != nil {
		t.Errorf("rules for classes that nothing has: %q", d)
	}
}

// Each icon that a page asks for is in the sprite, and the sprite has no other.
func TestIcons(t *testing.T) {
	t.Parallel()
	used := []string{"overview", "users", "groups", "webhooks", "feed"} // by the name of the section
	sprite := ""
	all, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := fs.Glob(files, "static/[a-gi-z]*.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(all, scripts...) {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		used = append(used, names(`\{\{icon "([a-z]+)"\}\}`, string(text))...)
		used = append(used, names(`"#icon-([a-z]+)"`, string(text))...)
		sprite += fmt.Sprint(names(`<symbol id="icon-([a-z]+)"`, string(text)))
	}
	for _, call := range callsOf(t) {
		if types.ExprString(call.Fun) == "icon" {
			if literal, ok := call.Args[0].(*ast.BasicLit); ok {
				used = append(used, textOf(t, literal))
			}
		}
	}
	have := strings.Fields(strings.NewReplacer("[", " ", "]", " ").Replace(sprite))
	if d := difference(used, have); d != nil {
		t.Errorf("icons that are not in the sprite: %q", d)
	}
	if d := difference(have, used); d != nil {
		t.Errorf("icons that nothing shows: %q", d)
	}
}

// names returns what a pattern's group has found, each once.
func names(pattern, in string) []string {
	set := make(map[string]bool)
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(in, -1) {
		set[m[1]] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// difference returns what is in a and not in b.
func difference(a, b []string) (only []string) {
	for _, s := range a {
		if !slices.Contains(b, s) {
			only = append(only, s)
		}
	}
	return only
}
