package docs_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/docs"
)

// The pages beside the routes that they describe, under one prefix.
func ExampleNew() {
	pages, err := docs.New(httpapi.OpenAPI())
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/registry/docs", http.StripPrefix("/registry", pages))
	mux.Handle("/registry/llms.txt", http.StripPrefix("/registry", pages))
	// mux.Handle("/registry/", http.StripPrefix("/registry", registry)), from httpapi.New

	for _, path := range []string{"/registry/docs", "/registry/llms.txt"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Println(path, w.Code, w.Header().Get("Content-Type"))
	}
	// Output:
	// /registry/docs 200 text/html; charset=utf-8
	// /registry/llms.txt 200 text/plain; charset=utf-8
}
