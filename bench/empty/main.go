// Command empty is what net/http itself costs: on the address of its first argument it
// answers every request with 200 and nothing, but /list with as many bytes as its second
// argument says.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: empty ADDR BYTES")
	}
	size, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	list := make([]byte, size)
	server := &http.Server{
		Addr:              os.Args[1],
		ReadHeaderTimeout: time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if r.URL.Path != "/list" {
				w.WriteHeader(http.StatusOK)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(size))
			_, _ = w.Write(list)
		}),
	}
	log.Fatal(server.ListenAndServe())
}
