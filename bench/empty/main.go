// Command empty answers every request with 200 and nothing, on the address of its
// argument: what net/http itself costs.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: empty ADDR")
	}
	server := &http.Server{
		Addr:              os.Args[1],
		ReadHeaderTimeout: time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusOK)
		}),
	}
	log.Fatal(server.ListenAndServe())
}
