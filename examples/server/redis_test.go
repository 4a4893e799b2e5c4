package main

import (
	"net/http"
	"strings"
	"testing"

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
			var out, log strings.Builder
			err := run(t.Context(), []string{"-addr", "127.0.0.1:0", "-store", "redis://" + redis.Addr}, &out, &log)
			if err == nil {
				t.Fatal("it served")
			}
			for _, want := range []string{"maxmemory-policy", "noeviction", "-redis-unsafe"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v: want %s", err, want)
				}
			}
			if left := files(t); len(left) > 0 || out.Len() > 0 {
				t.Errorf("the folder has %q; printed %q", left, &out)
			}
			if err := run(t.Context(), []string{"-addr", "127.0.0.1:0", "-store", wrong}, &out, &log); err == nil ||
				strings.Contains(err.Error()+log.String(), "secret-of-nobody") {
				t.Errorf("with a wrong password: %v\n%s", err, &log)
			}

			s := start(t, keyFlag, "-store", "redis://"+redis.Addr, "-redis-unsafe")
			mustMake(t, s.url, "crm-7", http.StatusCreated)
			if n := strings.Count(s.log.String(), "-redis-unsafe"); n != 1 {
				t.Errorf("%d warnings:\n%s", n, s.log)
			}
		})
	}
}
