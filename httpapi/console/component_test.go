package console

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// render returns what a component shows.
func render(t *testing.T, component string, data any) string {
	t.Helper()
	pages, err := parseTemplates(files)
	if err != nil {
		t.Fatal(err)
	}
	b := new(strings.Builder)
	if err := pages["error"].ExecuteTemplate(b, component, data); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMomentWords(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for ago, want := range map[time.Duration]string{
		0:                            "just now",
		999 * time.Millisecond:       "just now",
		-999 * time.Millisecond:      "just now",
		time.Second:                  "1 s ago",
		59 * time.Second:             "59 s ago",
		-59 * time.Second:            "in 59 s",
		time.Minute:                  "1 min ago",
		119 * time.Second:            "1 min ago",
		-90 * time.Second:            "in 1 min",
		time.Hour - 1:                "59 min ago",
		time.Hour:                    "1 h ago",
		-3 * time.Hour:               "in 3 h",
		-3*time.Hour + 2*time.Second: "in 3 h",
		2*day - 1:                    "47 h ago",
		2 * day:                      "2 days ago",
		-7 * day:                     "in 7 days",
		30*day - 1:                   "29 days ago",
		30 * day:                     "27 Oct 2026",
		-400 * day:                   "31 Dec 2027",
	} {
		if got := (moment{now.Add(-ago), now}).Words(); got != want {
			t.Errorf("%v ago: %q, want %q", ago, got, want)
		}
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	elsewhere := time.FixedZone("", 3600)
	want := `<time datetime="2026-11-26T11:58:00Z"><span class="relative">2 min ago</span> <span class="absolute">2026-11-26 11:58:00 UTC</span></time>`
	if got := string(drawn(moment{now.Add(-2 * time.Minute).In(elsewhere), now})); got != want {
		t.Error(cmp.Diff(want, got))
	}
	if got := string(drawn(moment{now: now})); got != "–" {
		t.Errorf("no time is shown as %q", got)
	}
}

// A field's control has its label, and is described by its error and its hint, in this order.
func TestField(t *testing.T) {
	t.Parallel()
	const hostile = `"><script>alert(1)</script>`
	for name, test := range map[string]struct {
		field     field
		has, lack []string
	}{
		"plain": {
			field{Name: "name", Label: "Name", Value: hostile},
			[]string{`<label for="field-name">Name</label>`, `id="field-name" name="name" autocomplete="off" type="text" value="&#34;&gt;&lt;script&gt;`},
			[]string{"aria-", "required", "<script"},
		},
		"all": {
			field{Name: "email", Label: "E-mail", Hint: "At most 254 bytes.", Error: hostile, Type: "email", Required: true, Mono: true},
			[]string{
				`name="email" autocomplete="off" required aria-invalid="true" aria-describedby="field-email-error field-email-hint" type="email"`,
				`id="field-email-hint">At most`, `id="field-email-error"`, `class="mono"`, "(required)",
			},
			[]string{"<script"},
		},
		"text": {
			field{Name: "metadata", Label: "Metadata", Hint: "JSON", Type: "textarea", Value: "\n</textarea><script>"},
			[]string{`aria-describedby="field-metadata-hint"`, ">\n\n&lt;/textarea&gt;&lt;script&gt;</textarea>"}, // the first line end is the markup's
			[]string{"<input", "aria-invalid"},
		},
		"select": {
			field{Name: "order", Label: "Order", Type: "select", Options: []option{{"a", "Newest", false}, {"b", "Oldest", true}}},
			[]string{`<option value="a">Newest</option><option value="b" selected>Oldest</option></select>`},
			[]string{"<input"},
		},
	} {
		got := string(drawn(test.field))
		for _, part := range test.has {
			if !strings.Contains(got, part) {
				t.Errorf("%s lacks %q:\n%s", name, part, got)
			}
		}
		for _, part := range test.lack {
			if strings.Contains(got, part) {
				t.Errorf("%s has %q:\n%s", name, part, got)
			}
		}
	}
}

// Errors are listed with links to their fields; without any, nothing is shown.
func TestErrors(t *testing.T) {
	t.Parallel()
	fields := []field{{Name: "a", Label: "A"}, {Name: "b", Label: "B", Error: "is <wrong>"}}
	got := render(t, "errors", fields)
	if !strings.Contains(got, `<li><a href="#field-b">B: is &lt;wrong&gt;</a></li>`) || strings.Contains(got, "#field-a") {
		t.Error(got)
	}
	if got := strings.TrimSpace(render(t, "errors", fields[:1])); got != "" {
		t.Errorf("shows %q without errors", got)
	}
}

func TestPager(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		pager pager
		links []string
	}{
		"alone":  {pager{Shown: "3 shown"}, nil},
		"first":  {pager{Shown: "50 shown", Older: "?after=a%2Fb&q=c%3Ad"}, []string{`rel="next" href="?after=a%2Fb&amp;q=c%3Ad"`}},
		"middle": {pager{Shown: "50 shown", Newer: "?before=x", Older: "?after=y"}, []string{`rel="prev" href="?before=x"`, `rel="next" href="?after=y"`}},
	} {
		got := render(t, "pager", test.pager)
		if n := strings.Count(got, "<a "); n != len(test.links) || !strings.Contains(got, test.pager.Shown) {
			t.Errorf("%s: %d links in %s", name, n, got)
		}
		for _, link := range test.links {
			if !strings.Contains(got, link) {
				t.Errorf("%s lacks %q: %s", name, link, got)
			}
		}
	}
}

// A value that is shown once is in the page once.
func TestSecretOnce(t *testing.T) {
	t.Parallel()
	if got := render(t, "secret", "grp_1f2e3d"); strings.Count(got, "grp_1f2e3d") != 1 {
		t.Error(got)
	}
}
