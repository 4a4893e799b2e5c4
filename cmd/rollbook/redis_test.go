package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
)

// TestUnsafeRedis: on a Redis that may drop users the server does not start, and says
// what to set. Nor with a wrong password, which is not shown. Who insists is served, and warned.
func TestUnsafeRedis(t *testing.T) {
	for _, policy := range []string{"allkeys-lru", "volatile-lru"} {
		t.Run(policy, func(t *testing.T) {
			redis := redistest.Server(t, "--maxmemory-policy", policy)
			wrong := "redis://nobody:secret-of-nobody@" + redis.Addr
			t.Chdir(t.TempDir())
			args := []string{"serve", "-addr", "127.0.0.1:0", keyFlag, "-store"}
			status, out, log := run(t, append(args, "redis://"+redis.Addr)...)
			if status == cli.OK {
				t.Fatal("it served")
			}
			for _, want := range []string{"maxmemory-policy", "noeviction", "-redis-unsafe"} {
				if !strings.Contains(log, want) {
					t.Errorf("%s: want %s", log, want)
				}
			}
			if left := files(t); len(left) > 0 || out != "" {
				t.Errorf("the folder has %q; printed %q", left, out)
			}
			if status, _, log := run(t, append(args, wrong)...); status == cli.OK || strings.Contains(log, "secret-of-nobody") {
				t.Errorf("with a wrong password: %d %s", status, log)
			}

			s := start(t, keyFlag, "-store", "redis://"+redis.Addr, "-redis-unsafe")
			mustMake(t, s.url, "crm-7", http.StatusCreated)
			if n := strings.Count(s.log.String(), "-redis-unsafe"); n != 1 {
				t.Errorf("%d warnings:\n%s", n, s.log)
			}
		})
	}
}
