package redis

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// ClientLog passes the log messages of go-redis on to a slog.Logger; see [ClientLogger]. It
// is safe for concurrent use.
type ClientLog struct {
	log *slog.Logger

	mu    sync.Mutex
	kinds map[string]*repeated
}

// repeated is the state of one kind of message.
type repeated struct {
	next    time.Time // when one may be logged again
	skipped int       // since the last
}

// clientLogEvery is how often a message of one kind is logged: go-redis logs at every dial
// of a server that is away.
const clientLogEvery = 10 * time.Second

// ClientLogger returns a logger for [goredis.SetLogger]:
//
//	goredis.SetLogger(redisstore.ClientLogger(log))
//
// go-redis has one logger for the whole program, which writes to standard error unless
// the program sets another, so a store must not set it. Messages become warnings, at most
// one of each kind in ten seconds, with the number of those left out before it as
// "skipped". They name servers and quote answers of the network or of Redis, but no
// command's arguments.
func ClientLogger(log *slog.Logger) *ClientLog {
	return &ClientLog{log: log, kinds: make(map[string]*repeated)}
}

// Printf implements go-redis's interface.
func (l *ClientLog) Printf(ctx context.Context, format string, v ...any) {
	skipped, ok := l.turn(format, time.Now()) //nolint:forbidigo // thins a log; no data depends on it
	if !ok {
		return
	}
	attrs := []slog.Attr{slog.String("message", fmt.Sprintf(format, v...))}
	if skipped > 0 {
		attrs = append(attrs, slog.Int("skipped", skipped))
	}
	l.log.LogAttrs(ctx, slog.LevelWarn, "redisstore: go-redis", attrs...)
}

// turn reports whether a message may be logged, and how many were skipped since the last.
func (l *ClientLog) turn(format string, now time.Time) (skipped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.kinds[format] // as many as go-redis has formats
	if k == nil {
		k = new(repeated)
		l.kinds[format] = k
	}
	if now.Before(k.next) {
		k.skipped++
		return 0, false
	}
	skipped, k.skipped, k.next = k.skipped, 0, now.Add(clientLogEvery)
	return skipped, true
}
