package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/config"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// patience bounds every wait of these tests, for machines under load.
const patience = 3 * time.Minute

// beProgram is the environment variable that makes the test's program rollbook itself.
const beProgram = "TEST_BE_ROLLBOOK"

func TestMain(m *testing.M) {
	if os.Getenv(beProgram) != "" {
		main()
	}
	goredis.SetLogger(redisstore.ClientLogger(slog.New(slog.DiscardHandler)))
	code := m.Run()
	if cluster != nil {
		cluster.Close()
	}
	os.Exit(code)
}

// run runs the program inside the test, until it ends.
func run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, log strings.Builder
	env := &cli.Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &log, Now: time.Now}
	status = config.Main(t.Context(), new(program), args, nil, env)
	return status, out.String(), log.String()
}

// process returns a command that runs the program in a folder. Settings in the environment of
// the test are not its.
func process(dir string, args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...) // the test ends it, after its own context
	c.Dir = dir
	c.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "ROLLBOOK_") }), beProgram+"=1")
	return c
}

// started is a running server.
type started struct {
	url   string
	lines <-chan string // of its standard output, after the first; closed when it ends
	end   func() error  // ends it as SIGTERM does, and returns what it returns
	wait  func() error  // waits until it has ended, and returns that

	process *os.Process // of startProcess
	log     *logged     // its standard error
}

// start runs the server inside the test, on a free port.
func start(t *testing.T, args ...string) *started {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	log := new(logged)
	ended := make(chan error, 1)
	args = append([]string{"serve", "-addr", "127.0.0.1:0", "-keyring", filepath.Join(t.TempDir(), "keyring")}, args...)
	go func() {
		env := &cli.Env{Stdin: strings.NewReader(""), Stdout: in, Stderr: log, Now: time.Now}
		var err error
		if status := config.Main(ctx, new(program), args, nil, env); status != cli.OK {
			err = fmt.Errorf("status %d", status)
		}
		ended <- errors.Join(err, in.Close())
	}()
	s := &started{log: log, wait: sync.OnceValue(func() error { return within(ended) })}
	s.end = func() error {
		cancel()
		return s.wait()
	}
	s.read(t, out, log)
	return s
}

// startProcess runs the server as a process of its own, with dir as its current
// folder.
func startProcess(t *testing.T, dir string, args ...string) *started {
	t.Helper()
	log := new(logged)
	return startLogging(t, dir, log, log, args...)
}

// startLogging does the same with another standard error.
func startLogging(t *testing.T, dir string, log *logged, stderr io.Writer, args ...string) *started {
	t.Helper()
	cmd := process(dir, append([]string{"serve", "-addr", "127.0.0.1:0"}, args...)...)
	cmd.Stderr = stderr
	out, in := io.Pipe()
	cmd.Stdout = in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		ended <- errors.Join(err, in.Close())
	}()
	s := &started{process: cmd.Process, log: log, wait: sync.OnceValue(func() error { return within(ended) })}
	s.end = func() error {
		if err := s.process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		return s.wait()
	}
	s.read(t, out, log)
	return s
}

// read waits for the first line, which says where the server listens.
func (s *started) read(t *testing.T, out io.Reader, log *logged) {
	t.Helper()
	lines := make(chan string, 16)
	go func() {
		defer close(lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			lines <- scan.Text()
		}
	}()
	s.lines = lines
	first := s.line(t)
	url, ok := strings.CutPrefix(first, "listening on ")
	if _, addr, _ := strings.Cut(url, "://"); !ok || !strings.HasPrefix(addr, "127.0.0.1:") {
		t.Fatalf("the first line is %q; the server ended with %v and logged\n%s", first, s.end(), log)
	}
	s.url = url
	t.Cleanup(func() {
		if err := s.end(); err != nil && !isKilled(err) {
			t.Errorf("the server ended with %v and logged\n%s", err, log)
		}
	})
}

// line returns the next line of the server's standard output, "" if it has ended.
func (s *started) line(t *testing.T) string {
	t.Helper()
	select {
	case line := <-s.lines:
		return line
	case <-time.After(patience):
		t.Fatal("the server prints nothing")
		return ""
	}
}

// kill ends a process at once and waits until it is gone.
func (s *started) kill(t *testing.T) {
	t.Helper()
	if err := s.process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.end(); !isKilled(err) {
		t.Fatalf("the server ended with %v before it was killed", err)
	}
}

func isKilled(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func within(ended <-chan error) error {
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		return fmt.Errorf("still running after %v", patience)
	}
}

// logged is what a server wrote to its standard error.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
