//go:build unix

package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestSignals: each signal ends the server without an error.
func TestSignals(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		t.Run(signal.String(), func(t *testing.T) {
			s := startProcess(t, t.TempDir(), keyFlag, "-store", "memory:")
			if err := s.process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := s.wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSecondSignal: a second signal ends the server though a request is in progress.
func TestSecondSignal(t *testing.T) {
	s := startProcess(t, t.TempDir(), keyFlag, "-store", "memory:")
	addr := strings.TrimPrefix(s.url, "http://")
	beginRequest(t, addr)
	ended := make(chan error, 1)
	go func() { ended <- s.wait() }()
	for {
		if err := s.process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok || !exit.Sys().(syscall.WaitStatus).Signaled() {
				t.Errorf("ended with %v, want the signal", err)
			}
			s.end = func() error { return nil }
			return
		default:
		}
		if c, err := net.Dial("tcp", addr); err == nil { // until it does not listen, and a little longer
			_ = c.Close()
		}
	}
}

// beginRequest sends a request up to its body of nine bytes, for which the server then waits.
func beginRequest(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	// It answers 100 when it begins to read the body.
	const head = "POST /v1/end-users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + testKey +
		"\r\nContent-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(conn)
	for _, want := range []string{" 100 ", "\r\n"} {
		if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, want) {
			t.Fatalf("%q %v", line, err)
		}
	}
	return conn, answers
}

// TestClosedLog: the server goes on though nobody reads its log any more.
func TestClosedLog(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // there it logs at once that it has no keyring
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	if err := read.Close(); err != nil {
		t.Fatal(err)
	}
	s := startLogging(t, dir, new(logged), write, keyFlag, "-store", "memory:")
	mustMake(t, s.url, "crm-7", http.StatusCreated)
}
