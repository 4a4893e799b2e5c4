package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// oldestSQLite is the first version without the WAL-reset race, which could lose
// commits: https://www.sqlite.org/wal.html#walresetbug.
const oldestSQLite = "3.51.3"

// The busy timeouts are short because the driver does not check the context while it
// waits for a lock. lockWait waits between attempts instead.
const (
	writerBusy  = 10  // ms
	readerBusy  = 100 // ms
	longestBusy = 250 // ms, for pools that are not ours
)

// walPages is after how many pages the log is copied into the file, with Full: 16 MiB. A
// page that changes often is then copied once for many changes. With Normal nobody waits for the
// disk but for that copy, and a shorter one holds up fewer.
const walPages = 4000

// databaseURI returns the URI with which SQLite opens the file at path.
func databaseURI(path string) (string, error) {
	switch {
	case path == "" || strings.Contains(path, ":memory:"):
		return "", errors.New("sqlite: a database in memory cannot be shared by the connections of a pool: use store/memory")
	case strings.HasPrefix(path, "file:"):
		return "", errors.New("sqlite: a path is expected, not a URI: to set parameters, open the pools and call New")
	case strings.ContainsRune(path, 0):
		return "", errors.New("sqlite: the path contains a NUL byte")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("sqlite: %w", err)
	}
	abs = filepath.ToSlash(abs)
	if runtime.GOOS == "windows" {
		abs = "/" + abs // file:///C:/...
	}
	return (&url.URL{Scheme: "file", Path: abs}).String(), nil
}

// DSN returns the name with which a host opens a pool of its own on the file at path, for its
// tables and for [Store.In]:
//
//	dsn, err := sqlite.DSN("shop.db", nil)
//	…
//	db, err := sql.Open("sqlite", dsn)
//
// The options are those that Open is given. Open comes first: it makes the file so that only
// its owner can read it. Connections have the settings that In requires. Transactions begin as
// IMMEDIATE, and wait up to Options.LockTimeout for the end of other writes. While they wait,
// the driver ignores their context.
func DSN(path string, opts *Options) (string, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return "", err
	}
	uri, err := databaseURI(path)
	if err != nil {
		return "", err
	}
	q := settings{make(url.Values)}
	q.pragma("busy_timeout", o.LockTimeout.Milliseconds())
	q.safe(o)
	q.Set("_txlock", "immediate")
	return uri + "?" + q.Encode(), nil
}

// dsn adds the settings of a pool to a URI.
func dsn(uri string, o Options, reader bool) string {
	q := settings{make(url.Values)}
	if reader {
		q.pragma("busy_timeout", readerBusy)
		q.pragma("query_only", 1)
		q.pragma("cache_size", -o.CacheSize/1024) // negative: KiB
	} else {
		q.pragma("busy_timeout", writerBusy)
		q.Add("_pragma", "journal_mode(WAL)")
		q.pragma("journal_size_limit", 64<<20)
		if o.Sync == Full {
			q.pragma("wal_autocheckpoint", walPages)
		}
		q.pragma("cache_size", -o.CacheSize/1024)
	}
	q.pragma("mmap_size", o.MmapSize)
	q.safe(o)
	q.Set("_dqs", "0")
	q.Set("_defensive", "1")
	return uri + "?" + q.Encode()
}

// settings are those of a connection. Every value is a constant or a number, since a
// _pragma is run as SQL.
type settings struct{ url.Values }

func (s settings) pragma(name string, value int64) {
	s.Add("_pragma", name+"("+strconv.FormatInt(value, 10)+")")
}

// safe adds what every connection needs that writes.
func (s settings) safe(o Options) {
	s.pragma("synchronous", int64(o.Sync.pragma()))
	s.pragma("foreign_keys", 1)
	s.pragma("secure_delete", 1)
	s.pragma("temp_store", 2) // memory: nothing of a sort reaches the disk
	s.pragma("trusted_schema", 0)
}

// verify checks the settings of a connection that the promises of the package need, and
// returns the path of its file. The driver ignores settings that it does not know, so
// that asking for them proves nothing.
func verify(ctx context.Context, conn *sql.Conn, sync Sync, role string) (file string, err error) {
	var version string
	if err := conn.QueryRowContext(ctx, `SELECT sqlite_version()`).Scan(&version); err != nil {
		return "", err
	}
	if !atLeast(version, oldestSQLite) {
		return "", fmt.Errorf("SQLite %s is too old: at least %s is needed", version, oldestSQLite)
	}
	err = conn.QueryRowContext(ctx, `SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(&file)
	if err != nil {
		return "", err
	}
	if file == "" {
		return "", fmt.Errorf("%s pool: the database is not a file", role)
	}
	var mode string
	if err := conn.QueryRowContext(ctx, `PRAGMA journal_mode`).Scan(&mode); err != nil {
		return "", err
	}
	if mode != "wal" {
		return "", fmt.Errorf("%s pool: journal_mode is %s, not wal", role, mode)
	}
	var encoding string
	if err := conn.QueryRowContext(ctx, `PRAGMA encoding`).Scan(&encoding); err != nil {
		return "", err
	}
	if encoding != "UTF-8" {
		return "", fmt.Errorf("%s pool: the database is in %s, not in UTF-8", role, encoding)
	}
	for _, p := range []struct {
		name    string
		ok      func(int) bool
		want    string
		writing bool // matters only to connections that write
	}{
		{"synchronous", func(v int) bool { return v >= sync.pragma() }, sync.String(), true},
		{"foreign_keys", isOne, "1", true},
		{"secure_delete", isOne, "1", true},
		{"trusted_schema", func(v int) bool { return v == 0 }, "0", false},
		{"busy_timeout", func(v int) bool { return v <= longestBusy }, fmt.Sprintf("at most %d", longestBusy), false},
	} {
		if p.writing && role != roleWriter {
			continue
		}
		var v int
		if err := conn.QueryRowContext(ctx, `PRAGMA `+p.name).Scan(&v); err != nil {
			return "", err
		}
		if !p.ok(v) {
			return "", fmt.Errorf("%s pool: %s is %d, not %s", role, p.name, v, p.want)
		}
	}
	return file, nil
}

const (
	roleWriter = "writer"
	roleReader = "reader"
)

func isOne(v int) bool { return v == 1 }

// atLeast compares versions such as "3.51.3" number by number.
func atLeast(version, oldest string) bool {
	have, want := strings.Split(version, "."), strings.Split(oldest, ".")
	for i := range want {
		if i >= len(have) {
			return false
		}
		h, err := strconv.Atoi(have[i])
		if err != nil {
			return false
		}
		w, _ := strconv.Atoi(want[i]) // a constant
		if h != w {
			return h > w
		}
	}
	return true
}
