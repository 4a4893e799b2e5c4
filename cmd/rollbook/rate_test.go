package main

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

func TestRate(t *testing.T) {
	limited := start(t, "-store", "memory:", keyFlag)
	if a := mustSend(t, "GET", limited.url+"/v1/end-users", testKey, ""); a.header.Get("RateLimit") == "" {
		t.Errorf("no RateLimit field: %v", a.header)
	}
	free := start(t, "-store", "memory:", "-rate", "off", keyFlag)
	client := newClient(t, 1)
	for range 1000 {
		a, err := send(client, "GET", free.url+"/v1/end-users", testKey, "")
		if err != nil {
			t.Fatal(err)
		}
		if a.status != http.StatusOK || a.header.Get("RateLimit") != "" {
			t.Fatalf("%d %v %s", a.status, a.header, a.body)
		}
	}
}

// TestRateOfAda: the vendor's limits hold unless -rate is off.
func TestRateOfAda(t *testing.T) {
	statuses := func(flags ...string) map[int]int {
		s := start(t, append([]string{"-store", "memory:", keyFlag}, flags...)...)
		client, got := newClient(t, 1), make(map[int]int)
		for range 320 {
			a, err := send(client, "GET", s.url+"/ada/api/v2/end-users/", testKey, "")
			if err != nil {
				t.Fatal(err)
			}
			got[a.status]++
		}
		return got
	}
	if got := statuses(); got[http.StatusTooManyRequests] == 0 {
		t.Errorf("limited: %v", got)
	}
	if got := statuses("-rate", "off"); got[http.StatusOK] != 320 {
		t.Errorf("not limited: %v", got)
	}
}

// TestRatesOfAKey: the rates that a key has in its file hold for all families together, and also
// with -rate off.
func TestRatesOfAKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.toml")
	text := "[[key]]\nsecret = \"" + testKey + "\"\ntenant = \"demo\"\nrates = [\"3/h\"]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, rate := range []string{"on", "off"} {
		s := start(t, "-store", "memory:", "-keys", path, "-rate", rate)
		for i, path := range []string{"/v1/end-users", "/ada/api/v2/end-users/", "/magickmind/v1/end-users", "/ada/api/v2/end-users/", "/v1/end-users"} {
			want := http.StatusOK
			if i >= 3 {
				want = http.StatusTooManyRequests
			}
			if a := mustSend(t, "GET", s.url+path, testKey, ""); a.status != want {
				t.Errorf("-rate %s, request %d, %s: %d, want %d", rate, i+1, path, a.status, want)
			}
		}
	}
}
