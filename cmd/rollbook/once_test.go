package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/rollbook-go/rollbook/internal/testing/size"
)

// TestOnce: 64 concurrent requests for one new external ID make one user, and one of them says
// so. They differ in case and go to two servers on one store.
func TestOnce(t *testing.T) {
	const requests = 64
	for _, s := range stores() {
		t.Run(s.name, func(t *testing.T) {
			flags := []string{keyFlag, "-rate", "off", "-store", s.make(t)}
			urls := []string{start(t, flags...).url, start(t, flags...).url}
			client := newClient(t, requests)
			for attempt := range size.Pick(t, 5, 10, 200) {
				id := fmt.Sprintf("User-Straße-Émile-%d", attempt)
				answers := make([]answer, requests)
				failed := make([]error, requests)
				ready := make(chan struct{})
				var all sync.WaitGroup
				for i := range requests {
					body := bodyOf(inSomeCase(id))
					all.Go(func() {
						<-ready
						answers[i], failed[i] = send(client, "POST", urls[i%len(urls)]+"/v1/end-users", testKey, body)
					})
				}
				close(ready)
				all.Wait()

				ids := make(map[string]int)
				statuses := make(map[int]int)
				for i, a := range answers {
					if failed[i] != nil {
						t.Fatal(failed[i])
					}
					statuses[a.status]++
					u, err := a.user()
					if err != nil {
						t.Fatal(err)
					}
					ids[u.ID]++
				}
				if statuses[http.StatusCreated] != 1 || statuses[http.StatusOK] != requests-1 || len(ids) != 1 {
					t.Fatalf("attempt %d: statuses %v, ids %v", attempt, statuses, ids)
				}
			}
		})
	}
}

// inSomeCase returns s with each letter in upper or lower case.
func inSomeCase(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == 'ß': // its upper case is another word
			return r
		case rand.IntN(2) == 0:
			return unicode.ToUpper(r)
		default:
			return unicode.ToLower(r)
		}
	}, s)
}
