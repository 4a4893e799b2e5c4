package redis_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// go-redis logs at every dial; one line of a kind is logged in ten seconds, and no password.
func TestClientLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := redisstore.ClientLogger(slog.New(slog.NewTextHandler(&out, nil)))
		dial := func() {
			log.Printf(t.Context(), "redis: connection pool: failed to dial after %d attempts: %v", 1, errors.New("refused"))
		}
		for range 34 {
			dial()
		}
		log.Printf(t.Context(), "redis: something else")
		if n := strings.Count(out.String(), "\n"); n != 2 {
			t.Errorf("%d lines for two kinds of message, want 2:\n%s", n, out.String())
		}
		if !strings.Contains(out.String(), "level=WARN") || !strings.Contains(out.String(), "after 1 attempts: refused") {
			t.Errorf("logged:\n%s", out.String())
		}
		<-time.After(10 * time.Second)
		out.Reset()
		dial()
		if !strings.Contains(out.String(), "skipped=33") {
			t.Errorf("ten seconds later the line does not say how many were left out:\n%s", out.String())
		}
	})
}
