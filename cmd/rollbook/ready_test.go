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
				eventually(t, method, server.url+"/readyz", http.StatusOK)
			}
		})
	}
}

func TestReadyzWithoutItsStore(t *testing.T) {
	redis := redistest.Server(t)
	server := start(t, keyFlag, "-store", "redis://"+redis.Addr)
	eventually(t, "GET", server.url+"/readyz", http.StatusOK)
	said := func() int { return strings.Count(server.log.String(), "not ready") }
	before := said() // on a slow machine it may have been so
	redis.Close()
	// What was found while the store lived holds for a second.
	a := eventually(t, "GET", server.url+"/readyz", http.StatusServiceUnavailable)
	if !strings.Contains(a.body, `"reason":"the store`) || strings.Contains(a.body, "127.0.0.1") || a.header.Get("Retry-After") == "" {
		t.Errorf("%v %s", a.header, a.body)
	}
	for _, path := range []string{"/healthz", "/livez"} {
		if a := mustSend(t, "GET", server.url+path, "", ""); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	redistest.Until(t, "the log says it", func() bool { return said() > before })
	eventually(t, "GET", server.url+"/readyz", http.StatusServiceUnavailable)
	if said() != before+1 {
		t.Errorf("the log has to say it once:\n%s", server.log)
	}
}

// eventually asks until the answer has a status: a slow disk may need more than the second that
// a check has.
func eventually(t *testing.T, method, url string, status int) answer {
	t.Helper()
	client, last := newClient(t, 1), time.After(patience)
	for next := time.Tick(20 * time.Millisecond); ; {
		a, err := send(client, method, url, "", "")
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
