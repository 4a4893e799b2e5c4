//go:build unix

package main

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestLiveWithoutConnections: when clients that do nothing have every connection, the process still
// shows that it lives, at the address of its metrics.
func TestLiveWithoutConnections(t *testing.T) {
	s := start(t, "-store", "memory:", keyFlag, "-metrics-addr", "127.0.0.1:0", "-max-connections", "1")
	conn, answers := beginRequest(t, strings.TrimPrefix(s.url, "http://"))
	metrics := regexp.MustCompile(`url=(http://[^ ]*)/metrics`).FindStringSubmatch(s.log.String())
	if a := mustSend(t, "GET", metrics[1]+"/livez", "", ""); a.status != http.StatusOK || a.body != `{"status":"live"}` {
		t.Errorf("%d %s", a.status, a.body)
	}
	if _, err := io.WriteString(conn, `{"a":"b"}`); err != nil {
		t.Fatal(err)
	}
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, " 400 ") {
		t.Errorf("%q %v", line, err)
	}
}
