// Package docs serves the description of an API to people and to language models: an OpenAPI
// document as a page that needs no JavaScript, at /docs, and its table of contents as
// https://llmstxt.org has it, at /llms.txt.
//
//	pages, err := docs.New(httpapi.OpenAPI())
//	mux.Handle("/docs", pages)
//	mux.Handle("/llms.txt", pages)
//
// Both link to each other and to openapi.json by relative paths, so that they are to be served
// beside the routes, under the same prefix. They need no credential and show no data.
package docs

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for the templates
	"encoding/base64"
	"fmt"
	html "html/template"
	"net/http"
	text "text/template"
	"time"
)

var (
	//go:embed page.html
	pageTemplate string
	//go:embed page.css
	pageStyle string
	//go:embed llms.txt
	llmsTemplate string
)

// New returns a handler that answers GET and HEAD of /docs and /llms.txt, for an OpenAPI 3.1
// document in JSON. It renders both at once. New fails if the document is not valid JSON, or
// refers to a component that it does not have.
//
// The page may load nothing and run nothing (Content-Security-Policy), and may not be framed.
func New(document []byte) (http.Handler, error) {
	d, err := parse(document)
	if err != nil {
		return nil, fmt.Errorf("docs: %w", err)
	}
	var page, llms bytes.Buffer
	pages, err := html.New("page").Parse(pageTemplate)
	if err == nil {
		err = pages.Execute(&page, struct {
			*api
			Style html.CSS
		}{d, html.CSS(pageStyle)}) //nolint:gosec // G203: the style is a file of this package
	}
	if err != nil {
		return nil, fmt.Errorf("docs: page: %w", err)
	}
	contents, err := text.New("llms").Parse(llmsTemplate)
	if err == nil {
		err = contents.Execute(&llms, d)
	}
	if err != nil {
		return nil, fmt.Errorf("docs: llms.txt: %w", err)
	}
	style := sha256.Sum256([]byte(pageStyle))
	mux := http.NewServeMux()
	mux.Handle("GET /docs", static{
		name: "docs.html", content: page.Bytes(),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(style[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	})
	mux.Handle("GET /llms.txt", static{name: "llms.txt", content: llms.Bytes(), policy: "default-src 'none'"})
	return mux, nil
}

// static answers a fixed text.
type static struct {
	name    string // its ending says the type
	content []byte
	policy  string // Content-Security-Policy
}

func (s static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sum := sha256.Sum256(s.content)
	h := w.Header()
	h.Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	h.Set("Cache-Control", "no-cache") // ask whether it is still this one
	h.Set("Content-Security-Policy", s.policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, s.name, time.Time{}, bytes.NewReader(s.content))
}
