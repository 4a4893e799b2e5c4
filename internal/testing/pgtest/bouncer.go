package pgtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const bouncerPort = "6432"

// Bouncer is a PgBouncer in transaction mode before a server.
type Bouncer struct {
	process *process
}

// Bouncer starts a PgBouncer for one test that keeps at most the given number of
// connections to each database of the server.
func (s *Server) Bouncer(tb testing.TB, pool int) *Bouncer {
	tb.Helper()
	RequireBouncer(tb)
	b, err := StartBouncer(s, pool)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(b.Close)
	return b
}

// StartBouncer starts a PgBouncer before a server, with at most the given number of
// connections to each database. The caller closes it.
func StartBouncer(s *Server, pool int) (*Bouncer, error) {
	program, err := find("pgbouncer")
	if err != nil {
		return nil, err
	}
	f, err := newFolder()
	if err != nil {
		return nil, err
	}
	ini := fmt.Sprintf(`[databases]
* = host=%s port=%s user=postgres
[pgbouncer]
listen_port = %s
unix_socket_dir = %s
auth_type = any
pool_mode = transaction
default_pool_size = %d
max_client_conn = 1000
`, s.Dir, port, bouncerPort, f.dir, pool)
	if err := f.write("ini", ini); err != nil {
		return nil, errors.Join(err, os.RemoveAll(f.dir))
	}
	p, err := f.supervise("KILL", program, "ini")
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(f.dir))
	}
	b := &Bouncer{p}
	if err := b.Restart(); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// DSN returns the URL by which a database of the server, given by its DSN, is reached
// through b.
func (b *Bouncer) DSN(direct string) string {
	database, _, _ := strings.Cut(strings.TrimPrefix(direct, scheme), "?")
	return dsn(b.process.dir, bouncerPort, database)
}

// Kill ends the PgBouncer and its connections at once.
func (b *Bouncer) Kill() { b.process.end("KILL") }

// Restart starts it again after Kill.
func (b *Bouncer) Restart() error {
	if err := b.process.start(); err != nil {
		return err
	}
	return b.process.await(func() error {
		conn, err := net.Dial("unix", filepath.Join(b.process.dir, ".s.PGSQL."+bouncerPort))
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// Close kills it and removes its files.
func (b *Bouncer) Close() { b.process.close() }
