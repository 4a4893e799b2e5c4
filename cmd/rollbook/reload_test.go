//go:build unix

package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
)

// TestHangup: with a file of keys, SIGHUP reads it again and does not end the server. A file
// that is wrong changes nothing, and is a line of the log without a key.
func TestHangup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := func(secret string) string {
		return "[[key]]\nname = \"" + strings.TrimPrefix(secret, "secret-of-") + "\"\nsecret = \"" + secret + "\"\ntenant = \"acme\"\n"
	}
	write(key("secret-of-ann") + key("secret-of-bob"))
	s := startProcess(t, t.TempDir(), "-store", "memory:", "-keys", path)
	want := func(statuses map[string]int) {
		t.Helper()
		for secret, want := range statuses {
			if a := mustSend(t, "GET", s.url+"/v1/end-users", secret, ""); a.status != want {
				t.Errorf("%s: %d, want %d", secret, a.status, want)
			}
		}
	}
	want(map[string]int{"secret-of-ann": http.StatusOK, "secret-of-bob": http.StatusOK, "secret-of-cyd": http.StatusUnauthorized})
	write(key("secret-of-ann") + key("secret-of-cyd"))
	hangup(t, s, "read again")
	after := map[string]int{"secret-of-ann": http.StatusOK, "secret-of-bob": http.StatusUnauthorized, "secret-of-cyd": http.StatusOK}
	want(after)
	for _, wrong := range []string{"[[key", key("secret-of-ann") + "other = 1\n", key("secret-of-dan") + key("secret-of-dan")} {
		write(wrong)
		hangup(t, s, "nothing has changed")
		want(after)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	hangup(t, s, "nothing has changed")
	want(after)
	if log := s.log.String(); strings.Contains(log, "secret-of") {
		t.Errorf("the log shows a key:\n%s", log)
	}
}

// hangup sends SIGHUP and waits until the log has a new line with a text.
func hangup(t *testing.T, s *started, line string) {
	t.Helper()
	before := strings.Count(s.log.String(), line)
	if err := s.process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	redistest.Until(t, line, func() bool { return strings.Count(s.log.String(), line) > before })
}

// TestHangupWhileItEnds: SIGHUP is no second signal for a server that reads files again.
func TestHangupWhileItEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.toml")
	if err := os.WriteFile(path, []byte("[[key]]\nsecret = \""+testKey+"\"\ntenant = \"demo\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startProcess(t, t.TempDir(), "-store", "memory:", "-keys", path)
	addr := strings.TrimPrefix(s.url, "http://")
	conn, answers := beginRequest(t, addr)
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	redistest.Until(t, "it does not listen", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	if err := s.process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	redistest.Until(t, "read again", func() bool { return strings.Contains(s.log.String(), "read again") })
	if _, err := io.WriteString(conn, `{"a":"b"}`); err != nil {
		t.Fatal(err)
	}
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, " 400 ") {
		t.Errorf("%q %v", line, err)
	}
	if err := s.wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}
