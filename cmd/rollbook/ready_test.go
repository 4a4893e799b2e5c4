package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
)

// TestReadyz: a store that works is told from one that does not, without a key. What
// lives is not dead for that.
func TestReadyz(t *testing.T) {
	memory := namedStore{"memory", func(*testing.T) string { return "memory:" }}
	for _, s := range append(stores(), memory) {
		t.Run(s.name, func(t *testing.T) {
			server := start(t, keyFlag, "-store", s.make(t))
			for _, method := range []string{"GET", "HEAD"} {
				if a := mustSend(t, method, server.url+"/readyz", "", ""); a.status != http.StatusOK {
					t.Errorf("%s: %d %s", method, a.status, a.body)
				}
			}
		})
	}
}

func TestReadyzWithoutItsStore(t *testing.T) {
	redis := redistest.Server(t)
	server := start(t, keyFlag, "-store", "redis://"+redis.Addr)
	if a := mustSend(t, "GET", server.url+"/readyz", "", ""); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	redis.Close()
	// What was found while the store lived holds for a second.
	a := eventually(t, server.url+"/readyz", http.StatusServiceUnavailable)
	if !strings.Contains(a.body, `"reason":"the store`) || strings.Contains(a.body, "127.0.0.1") || a.header.Get("Retry-After") == "" {
		t.Errorf("%v %s", a.header, a.body)
	}
	for _, path := range []string{"/healthz", "/livez"} {
		if a := mustSend(t, "GET", server.url+path, "", ""); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	eventually(t, server.url+"/readyz", http.StatusServiceUnavailable) // the first check is over
	if log := server.log.String(); strings.Count(log, "not ready") != 1 {
		t.Errorf("the log has to say it once:\n%s", log)
	}
}

// eventually asks until the answer has a status.
func eventually(t *testing.T, url string, status int) answer {
	t.Helper()
	client, last := newClient(t, 1), time.After(patience)
	for next := time.Tick(20 * time.Millisecond); ; {
		a, err := send(client, "GET", url, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if a.status == status {
			return a
		}
		select {
		case <-next:
		case <-last:
			t.Fatalf("%d %s, want %d", a.status, a.body, status)
		}
	}
}
