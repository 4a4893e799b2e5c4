package sqlite

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Sync says what an acknowledged write survives.
type Sync uint8

const (
	// Full: an acknowledged write survives a power cut, if the disk keeps what it
	// says it has written.
	Full Sync = iota

	// Normal: an acknowledged write survives the end of the process, but the last
	// ones before a power cut or a crash of the operating system may be lost. Neither
	// damages the database. Writes seldom wait for the disk.
	Normal
)

// String returns "FULL" or "NORMAL".
func (s Sync) String() string {
	if s == Normal {
		return "NORMAL"
	}
	return "FULL"
}

func (s Sync) pragma() int {
	if s == Normal {
		return 1
	}
	return 2
}

// Options are the settings of a Store. Zero values are the defaults.
type Options struct {
	// Sync is what acknowledged writes survive; default Full.
	Sync Sync

	// Readers is the number of calls that read at once; the others wait, and tenants
	// take turns. Of two or more, lists leave one free. Default GOMAXPROCS.
	Readers int

	// MmapSize is how much of the file each connection maps into memory, in
	// bytes; default 1 GiB. If it is negative, nothing is mapped, and readers then
	// hardly scale beyond one core. Only Open uses it.
	MmapSize int64

	// CacheSize is the page cache of each connection, in bytes; default 32 MiB. It is filled as
	// needed, and the driver takes up to twice as much memory for it. Only Open uses it.
	CacheSize int64

	// LockTimeout is how long a transaction of the host, or another process, may hold
	// the lock of the file before the calls that wait for it fail with ErrUnavailable;
	// default 10 s. A call whose context ends stops waiting at once.
	LockTimeout time.Duration

	// Logger gets failed transactions, long waits for the lock and long transactions of the
	// host and, once, the reason why the store must be closed and opened again. Default:
	// nothing is logged.
	Logger *slog.Logger

	// Observer gets calls, transactions and retries. Default: none.
	Observer *store.Observer
}

func (o *Options) withDefaults() (Options, error) {
	var v Options
	if o != nil {
		v = *o
	}
	if v.Sync > Normal {
		return v, fmt.Errorf("sqlite: Options.Sync: unknown value %d", v.Sync)
	}
	if v.Readers < 0 || v.CacheSize < 0 || v.LockTimeout < 0 {
		return v, errors.New("sqlite: Options: Readers, CacheSize and LockTimeout must not be negative")
	}
	if v.Readers == 0 {
		v.Readers = runtime.GOMAXPROCS(0)
	}
	switch {
	case v.MmapSize == 0:
		v.MmapSize = 1 << 30
	case v.MmapSize < 0:
		v.MmapSize = 0
	}
	if v.CacheSize == 0 {
		v.CacheSize = 32 << 20
	}
	if v.LockTimeout == 0 {
		v.LockTimeout = 10 * time.Second
	}
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v, nil
}
