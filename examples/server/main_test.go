package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// TestRun sends requests with what is printed.
func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "server.db")
	for _, want := range []int{http.StatusCreated, http.StatusOK} { // the second server finds the user of the first
		out, in := io.Pipe()
		ctx, end := context.WithCancel(t.Context())
		defer end()
		served := make(chan error, 1)
		go func() { served <- run(ctx, "127.0.0.1:0", file, in) }()
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		words := strings.Fields(line)
		if len(words) != 6 || words[0] != "curl" {
			t.Fatalf("it prints %q", line)
		}
		url, key := words[1], strings.TrimSuffix(words[5], "'")
		if status := send(t, "POST", url, key, `{"external_id":"crm-7"}`); status != want {
			t.Errorf("%d, want %d", status, want)
		}
		if status := send(t, "GET", url, "", ""); status != http.StatusUnauthorized {
			t.Errorf("without the key: %d", status)
		}
		end()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

func TestRunFails(t *testing.T) {
	dir := t.TempDir()
	if err := run(t.Context(), "127.0.0.1:0", filepath.Join(dir, "none", "server.db"), io.Discard); err == nil {
		t.Error("it has no file and serves")
	}
	if err := run(t.Context(), "nowhere", filepath.Join(dir, "server.db"), io.Discard); err == nil {
		t.Error("it has no address and serves")
	}
}

func send(t *testing.T, method, url, key, body string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}
