package docs_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/docs"
)

func get(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: status %d", path, w.Code)
	}
	return w
}

func native(t *testing.T) http.Handler {
	t.Helper()
	h, err := docs.New(httpapi.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestPageSaysEverything: no description, name, number or other text of the document is
// missing from the page.
func TestPageSaysEverything(t *testing.T) {
	text, _, _ := read(t, get(t, native(t), "/docs").Body.String())
	var document map[string]any
	if err := json.Unmarshal(httpapi.OpenAPI(), &document); err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{"openapi", "servers"} { // say how the document is to be read
		delete(document, member)
	}
	delete(document["info"].(map[string]any), "license")
	found := 0
	var look func(path string, v any)
	look = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, v := range v {
				if strings.HasSuffix(path, "/properties") && !strings.Contains(text, name) {
					t.Errorf("%s is not on the page: %q", path, name)
				}
				switch name {
				case "type", "scheme", "in", "style", "explode", "tags", "required", "security", "additionalProperties", "uniqueItems", "$ref":
					if _, isSchema := v.(map[string]any); !isSchema {
						continue // in words, or where it stands
					}
				}
				look(path+"/"+name, v)
			}
		case []any:
			for _, v := range v {
				look(path, v)
			}
		case string:
			found++
			if !strings.Contains(text, strings.Join(strings.Fields(v), " ")) {
				t.Errorf("%s is not on the page: %q", path, v)
			}
		}
	}
	look("", document)
	if found < 500 {
		t.Errorf("only %d texts were looked for", found)
	}
}

// TestPageHolds: elements are closed in their order, IDs are given once, links within the page
// lead somewhere, each term of a list is explained, and nothing is loaded or run.
func TestPageHolds(t *testing.T) {
	answer := get(t, native(t), "/docs")
	_, ids, links := read(t, answer.Body.String())
	targets := 0
	for _, link := range links {
		switch id, inside := strings.CutPrefix(link, "#"); {
		case inside:
			targets++
			if ids[id] == 0 {
				t.Errorf("a link leads nowhere: %s", link)
			}
		case link != "openapi.json" && link != "llms.txt":
			t.Errorf("a link leads out: %s", link)
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("%d elements have the ID %s", n, id)
		}
	}
	if targets < 200 {
		t.Errorf("only %d links were found", targets)
	}
	terms := strings.Count(answer.Body.String(), "</dt>")
	if explained := regexp.MustCompile(`</dt>\s*<dd>`).FindAllString(answer.Body.String(), -1); len(explained) != terms {
		t.Errorf("of %d terms %d are explained", terms, len(explained))
	}

	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(answer.Body.String())
	if style == nil {
		t.Fatal("the page has no style")
	}
	sum := sha256.Sum256([]byte(style[1]))
	policy := answer.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none';", "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q, want %q in it", policy, want)
		}
	}
	if strings.Contains(style[1], "url(") || strings.Contains(style[1], "@import") {
		t.Error("the style loads something")
	}
}

// read returns the text of a page with single spaces, how often each ID is given, and the
// targets of all links. It fails the test at an element that is not closed in its turn, or that
// a policy without script and sources forbids.
func read(t *testing.T, page string) (text string, ids map[string]int, links []string) {
	t.Helper()
	var words strings.Builder
	var open []string
	ids = make(map[string]int)
	tokens := html.NewTokenizer(strings.NewReader(page))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("not closed: %v", open)
			}
			return strings.Join(strings.Fields(words.String()), " "), ids, links
		case html.TextToken:
			words.WriteString(html.UnescapeString(string(tokens.Raw())))
		case html.StartTagToken:
			element := tokens.Token()
			for _, a := range element.Attr {
				switch {
				case a.Key == "id":
					ids[a.Val]++
				case a.Key == "href":
					links = append(links, a.Val)
				case a.Key == "src" || a.Key == "style" || strings.HasPrefix(a.Key, "on"):
					t.Errorf("%s has %s", element.Data, a.Key)
				}
			}
			switch element.Data {
			case "meta", "link": // have no end
			case "script", "iframe", "object", "img", "form":
				t.Errorf("the page has an element %s", element.Data)
			default:
				open = append(open, element.Data)
			}
		case html.EndTagToken:
			element := tokens.Token().Data
			if len(open) == 0 || open[len(open)-1] != element {
				t.Fatalf("</%s> closes %v", element, open)
			}
			open = open[:len(open)-1]
		default: // the doctype
		}
	}
}

// TestLLMs: the contents name every route and event, with a link to its place in the page.
func TestLLMs(t *testing.T) {
	h := native(t)
	_, ids, _ := read(t, get(t, h, "/docs").Body.String())
	answer := get(t, h, "/llms.txt")
	text := answer.Body.String()
	if !strings.HasPrefix(text, "# Rollbook\n\n> ") || answer.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%s: %.20q", answer.Header().Get("Content-Type"), text)
	}
	var document struct{ Paths, Webhooks map[string]map[string]any }
	if err := json.Unmarshal(httpapi.OpenAPI(), &document); err != nil {
		t.Fatal(err)
	}
	var want []string
	for path, methods := range document.Paths {
		for method := range methods {
			if method != "parameters" {
				want = append(want, "- ["+strings.ToUpper(method)+" "+path+"](docs#")
			}
		}
	}
	for event := range document.Webhooks {
		want = append(want, "- ["+event+"](docs#")
	}
	for _, line := range want {
		_, rest, found := strings.Cut(text, line)
		id, _, _ := strings.Cut(rest, ")")
		if !found || ids[id] != 1 {
			t.Errorf("%s...: %t, %d elements have the ID %q", line, found, ids[id], id)
		}
	}
	if strings.Contains(text, "\n\n\n") || strings.Contains(text, "<") {
		t.Errorf("blank lines or markup:\n%s", text)
	}
}

// TestServe: what is there, for whom, and how long it may be kept.
func TestServe(t *testing.T) {
	h := native(t)
	for _, path := range []string{"/docs", "/llms.txt"} {
		first := get(t, h, path)
		for name, want := range map[string]string{
			"Cache-Control": "no-cache", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		} {
			if got := first.Header().Get(name); got != want {
				t.Errorf("%s: %s: %q, want %q", path, name, got, want)
			}
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.Header.Set("If-None-Match", first.Header().Get("ETag"))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusNotModified {
			t.Errorf("%s again: status %d", path, w.Code)
		}
	}
	for request, want := range map[string]int{"HEAD /docs": 200, "POST /docs": 405, "GET /docs/": 404, "GET /": 404} {
		method, path, _ := strings.Cut(request, " ")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
		if w.Code != want {
			t.Errorf("%s: status %d, want %d", request, w.Code, want)
		}
	}
}

// TestNewRefuses: documents that cannot be shown whole.
func TestNewRefuses(t *testing.T) {
	tests := map[string]string{
		"no JSON":              `openapi: 3.1.0`,
		"another form":         `{"paths":[]}`,
		"an unknown parameter": `{"paths":{"/a":{"get":{"parameters":[{"$ref":"#/components/parameters/id"}]}}}}`,
		"an unknown answer":    `{"paths":{"/a":{"get":{"responses":{"200":{"$ref":"#/components/responses/A"}}}}}}`,
		"an unknown header":    `{"components":{"responses":{"A":{"headers":{"B":{"$ref":"#/components/headers/B"}}}}}}`,
		"an unknown schema":    `{"components":{"schemas":{"A":{"items":{"oneOf":[{"$ref":"#/components/schemas/B"}]}}}}}`,
	}
	for name, document := range tests {
		if _, err := docs.New([]byte(document)); err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}

// TestHostileDocument: a document of a host's own is text, whatever is in it, and an operation
// without ID and tag is shown, too.
func TestHostileDocument(t *testing.T) {
	const markup = `</style><script>alert(1)</script>`
	document := strings.ReplaceAll(`{"info":{"title":"M","description":"M"},"paths":{"/M":{"get":{"summary":"M","parameters":[{"name":"M","in":"query","schema":{"default":"M"}}]}}},
		"components":{"schemas":{"M":{"properties":{"M":{"enum":["M"]}}}}}}`, "M", markup)
	h, err := docs.New([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := read(t, get(t, h, "/docs").Body.String())
	if n := strings.Count(text, markup); n < 8 {
		t.Errorf("shown %d times", n)
	}
}
