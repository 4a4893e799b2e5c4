package pgtest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// port is in the names of the sockets and is used for nothing else.
const port = "5432"

// Server is a PostgreSQL server.
type Server struct {
	Dir string // where its files and its socket are

	mu        sync.Mutex
	process   *process
	databases atomic.Int64
}

// Start starts a server and waits until it takes calls. Settings are as in
// "max_connections=20". The caller closes it; it also ends when the process does, or when
// nothing refers to it any more.
func Start(settings ...string) (*Server, error) {
	initdb, err := find("initdb")
	if err != nil {
		return nil, err
	}
	program, err := find("postgres")
	if err != nil {
		return nil, err
	}
	f, err := newFolder()
	if err != nil {
		return nil, err
	}
	// Names are compared byte by byte and texts are UTF-8, as the store has to cope with
	// any other choice as well as with this one.
	init := f.command(initdb, "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	if out, err := init.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("pgtest: initdb: %w: %s", err, out), os.RemoveAll(f.dir))
	}
	line := []string{program, "-D", "data", "-k", f.dir, "-p", port}
	for _, s := range append([]string{
		"listen_addresses=", "max_connections=200",
		"dynamic_shared_memory_type=mmap", // in the folder, where a killed server leaves nothing behind
	}, settings...) {
		line = append(line, "-c", s)
	}
	p, err := f.supervise("QUIT", line...)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(f.dir))
	}
	s := &Server{Dir: f.dir, process: p}
	if err := s.Restart(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Restart starts the server again, on the same files, after Kill or Stop.
func (s *Server) Restart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.process.start(); err != nil {
		return err
	}
	return s.process.await(func() error {
		b, err := os.ReadFile(filepath.Join(s.Dir, "data", "postmaster.pid"))
		lines := strings.Split(string(b), "\n")
		if err != nil || len(lines) < 8 || lines[0] != strconv.Itoa(s.process.pid) {
			return fmt.Errorf("it has not begun to start: %w", err)
		}
		switch state := strings.TrimSpace(lines[7]); state {
		case "ready", "standby":
			return nil
		default:
			return fmt.Errorf("it is %q", state)
		}
	})
}

// Kill ends the server with all its processes at once, as kill -9 or a crash of the
// machine's does, and returns when they are gone.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	pid := s.process.pid
	if pid == 0 {
		return
	}
	_ = syscall.Kill(pid, syscall.SIGSTOP) // so that it starts no others meanwhile
	all := children(pid)
	for _, child := range all {
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
	s.process.end("KILL")
	_ = poll(func() error {
		for _, child := range all {
			if !ended(child) {
				return errors.New("a process of the server still runs")
			}
		}
		return nil
	})
}

// Stop ends the server in good order. Open transactions are rolled back.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process.end("INT")
}

// Demote makes the server a standby, which takes reads only, until Promote.
func (s *Server) Demote(tb testing.TB) {
	tb.Helper()
	s.Stop()
	err := s.process.write("data/standby.signal", "")
	if err == nil {
		err = s.Restart()
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// Promote ends a Demote, while clients stay connected.
func (s *Server) Promote(tb testing.TB) {
	tb.Helper()
	SQL(tb, s.DSN("postgres"), "SELECT pg_promote()")
}

// Close kills the server and removes its files.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process.close()
}

// DSN returns the URL of a database, for a user who may do everything.
func (s *Server) DSN(database string) string { return dsn(s.Dir, port, database) }

const scheme = "postgres:///"

func dsn(dir, port, database string) string {
	q := url.Values{"host": {dir}, "port": {port}, "user": {"postgres"}}
	return scheme + database + "?" + q.Encode()
}

// Database makes an empty database and returns its DSN.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	dsn, err := s.Create()
	if err != nil {
		tb.Fatal(err)
	}
	return dsn
}

// Create makes an empty database and returns its DSN. It goes with the server.
func (s *Server) Create() (string, error) {
	name := fmt.Sprint("test", s.databases.Add(1))
	_, err := Exec(s.DSN("postgres"), "CREATE DATABASE "+name+" TEMPLATE template0")
	return s.DSN(name), err
}

// SQL runs statements in a transaction and returns their rows, one a line, columns
// separated by "|". The test fails if they do.
func SQL(tb testing.TB, dsn, statements string) string {
	tb.Helper()
	out, err := Exec(dsn, statements)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// Exec runs statements in a transaction and returns their rows, one a line, columns
// separated by "|".
func Exec(dsn, statements string) (string, error) {
	psql, err := find("psql")
	if err != nil {
		return "", err
	}
	cmd := folder{dir: "/"}.command(psql, "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-c", statements)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("pgtest: psql: %w: %s", err, complaints.String())
	}
	return strings.TrimSuffix(string(out), "\n"), err
}
