package browser

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// answer is what a console has answered.
type answer struct {
	request string // its method and path
	status  int
	header  http.Header
	body    []byte
}

// keep keeps what a handler answers.
func (w *world) keep(h http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		k := &keeper{ResponseWriter: rw, status: http.StatusOK}
		request := r.Method + " " + r.URL.RequestURI()
		h.ServeHTTP(k, r)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.answers = append(w.answers, answer{request, k.status, rw.Header().Clone(), k.body.Bytes()})
	})
}

// keeper is a ResponseWriter that keeps what is written.
type keeper struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (k *keeper) WriteHeader(status int) {
	k.status = status
	k.ResponseWriter.WriteHeader(status)
}

func (k *keeper) Write(b []byte) (int, error) {
	k.body.Write(b)
	return k.ResponseWriter.Write(b)
}

func (k *keeper) Unwrap() http.ResponseWriter { return k.ResponseWriter }

// search fails the test if an answer shows a secret, or one more than once that is shown once.
func (w *world) search() {
	w.tb.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for secret, what := range w.secrets {
		if found := w.finds(secret); len(found) > 0 {
			w.tb.Errorf("%s is in the answers to %q", what, found)
		}
	}
	for secret, what := range w.once {
		if found := w.finds(secret); len(found) != 1 {
			w.tb.Errorf("%s is in %d answers, want one: %q", what, len(found), found)
		}
	}
	pages := 0
	for _, a := range w.answers {
		if strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			pages++
		}
	}
	searched(pages, len(w.secrets)+len(w.once))
}

// finds returns which answers have a text in the body or a header.
func (w *world) finds(secret string) (requests []string) {
	for _, a := range w.answers {
		n := bytes.Count(a.body, []byte(secret))
		for _, values := range a.header {
			for _, v := range values {
				n += strings.Count(v, secret)
			}
		}
		requests = append(requests, slices.Repeat([]string{fmt.Sprint(a.request, " ", a.status)}, n)...)
	}
	return requests
}

// never says that no page may show a text.
func (w *world) never(secret, what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets[secret] = what
}

// shownOnce says that one page has shown a secret, and no other may.
func (w *world) shownOnce(secret, what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.once[secret] = what
}
