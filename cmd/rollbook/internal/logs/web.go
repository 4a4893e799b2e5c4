package logs

import (
	stdlog "log"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Web returns the log of a http.Server. Most of what that logs is caused by clients, as often as
// they like, without a key: of these lines it shows each kind once a minute, with how many there
// were meanwhile, and nothing that identifies a client or that it has sent.
func Web(log *slog.Logger) *stdlog.Logger { //nolint:forbidigo // package http wants one
	return stdlog.New(&web{log: log, told: make(map[string]*told)}, "", 0) //nolint:forbidigo // likewise
}

type web struct {
	log *slog.Logger

	mu   sync.Mutex
	told map[string]*told // by message and reason, of which there are not many
}

// told is the lines of a kind.
type told struct {
	at   time.Time // when one was shown
	more int       // that were not, since
}

const tellEvery = time.Minute

var (
	handshake = regexp.MustCompile(`^http: TLS handshake error from \S+: (?s:(.*))`)
	serving   = regexp.MustCompile(`^(http: panic serving )\S+: `)
)

// Write implements io.Writer.
func (w *web) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	switch of := handshake.FindStringSubmatch(text); {
	case of != nil:
		w.tell("a TLS handshake failed", known(of[1]))
	case strings.HasPrefix(text, "http2: "):
		w.tell("a connection of HTTP/2 was refused", "")
	default:
		w.log.Warn(serving.ReplaceAllString(text, "${1}a client: "))
	}
	return len(line), nil
}

// known returns why a handshake failed, if that is in the words of package tls or http alone. What
// the client said of the server's certificate is.
func known(reason string) string {
	if strings.HasPrefix(reason, "remote error: tls: ") || reason == "client sent an HTTP request to an HTTPS server" {
		return reason
	}
	return ""
}

func (w *web) tell(message, reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	t := w.told[message+reason]
	if t == nil {
		t = new(told)
		w.told[message+reason] = t
	} else if now.Sub(t.at) < tellEvery {
		t.more++
		return
	}
	var attrs []any
	if reason != "" {
		attrs = append(attrs, slog.String("reason", reason))
	}
	if t.more > 0 {
		attrs = append(attrs, slog.Int("more", t.more))
	}
	t.at, t.more = now, 0
	w.log.Warn(message, attrs...)
}
