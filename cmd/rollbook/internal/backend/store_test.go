package backend_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
)

// TestOpen: what is written to a store of each kind is there when it is opened again, and the
// observer sees it.
func TestOpen(t *testing.T) {
	for name, flag := range stores(t) {
		t.Run(name, func(t *testing.T) {
			s, calls := newStore(flag(t)), 0
			s.Observer = &store.Observer{Call: func(store.CallInfo) { calls++ }}
			log, text := logged()
			st, closer, err := s.Open(t.Context(), log)
			if err != nil {
				t.Fatal(err)
			}
			u, err := enduser.New(st, nil).Tenant("acme").Create(t.Context(), enduser.Spec{Name: "Ann"})
			if err = errors.Join(err, closer.Close()); err != nil || calls == 0 {
				t.Fatalf("%v; %d calls were observed", err, calls)
			}
			st, closer, err = s.OpenExisting(t.Context(), log)
			if err != nil {
				t.Fatal(err)
			}
			_, err = enduser.New(st, nil).Tenant("acme").Get(t.Context(), enduser.ByID(u.ID))
			if err = errors.Join(err, closer.Close()); err != nil || text.Len() > 0 {
				t.Errorf("%v; the log is %q", err, text)
			}
		})
	}
}

func TestMemory(t *testing.T) {
	s := newStore("memory:")
	log, _ := logged()
	st, closer, err := s.Open(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := enduser.New(st, nil).Tenant("acme").Create(t.Context(), enduser.Spec{Name: "Ann"}); err != nil {
		t.Error(err)
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	for name, open := range map[string]func() error{
		"OpenExisting": func() error { _, _, err := s.OpenExisting(t.Context(), log); return err },
		"OpenOrMake":   func() error { _, _, err := s.OpenOrMake(t.Context(), log); return err },
	} {
		if err := open(); cli.Status(err) != cli.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWrongStores: an error names the flag and shows no secret of a URL, and nothing is made.
func TestWrongStores(t *testing.T) {
	const secret = "c4n4ry"
	t.Chdir(t.TempDir())
	for flag, want := range map[string]int{
		"":                              cli.Usage,
		"rollbook.db":                   cli.Usage,
		"memory":                        cli.Usage,
		"sqlite:":                       cli.Usage,
		"mysql://u:" + secret + "@h/db": cli.Usage,
		"sqlite:nowhere/users.db":       cli.Failed,

		"redis://u:" + secret + "@127.0.0.1:1/0":                   cli.Failed,
		"redis://u:" + secret + "@127.0.0.1:1/0?unknown=" + secret: cli.Usage,
		"redis://u:" + secret + "@h:" + secret:                     cli.Usage,

		"postgres://u:" + secret + "@127.0.0.1:1/db":                           cli.Failed,
		"postgres://u:" + secret + "@127.0.0.1:1/db?connect_timeout=" + secret: cli.Usage,
		"postgres://u:" + secret + "%zz@h/db":                                  cli.Usage,
		"postgres://u:p" + secret + "@h:port/db":                               cli.Usage,
		"postgres:" + secret:                                                   cli.Usage,
	} {
		log, text := logged()
		_, _, err := newStore(flag).Open(t.Context(), log)
		if err == nil || cli.Status(err) != want || !strings.HasPrefix(err.Error(), "-store: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: status %d, %v; want %d", flag, cli.Status(err), err, want)
			continue
		}
		if strings.Contains(err.Error()+text.String(), secret) {
			t.Errorf("%q: the error shows the secret: %v; log %s", flag, err, text)
		}
	}
	if made, err := os.ReadDir("."); err != nil || len(made) > 0 {
		t.Errorf("the folder has %v, %v", made, err)
	}
}

// TestOpenExisting: no command makes an SQLite file where there is none.
func TestOpenExisting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	log, _ := logged()
	s := newStore("sqlite:" + path)
	if _, _, err := s.OpenExisting(t.Context(), log); cli.Status(err) != cli.NotFound || !strings.Contains(err.Error(), path) {
		t.Errorf("status %d, %v", cli.Status(err), err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file was made")
	}
	s.Flag = "-from"
	if _, _, err := s.OpenExisting(t.Context(), log); err == nil || !strings.HasPrefix(err.Error(), "-from: ") {
		t.Errorf("of -from: %v", err)
	}
}

// TestUnsafe: a server that may lose users is refused with the name of the setting, unless a flag
// says otherwise.
func TestUnsafe(t *testing.T) {
	for name, test := range map[string]struct {
		flag            func(t *testing.T) string
		setting, allows string
		allow           func(*backend.Store)
		warns           bool
	}{
		"redis": {
			func(t *testing.T) string {
				return "redis://" + redistest.Server(t, "--maxmemory-policy", "allkeys-lru").Addr
			}, "maxmemory-policy", "-redis-unsafe", func(s *backend.Store) { s.RedisUnsafe = true }, true,
		},
		"postgres": {
			func(t *testing.T) string { return pgtest.Own(t, "fsync=off").Database(t) },
			"fsync", "-postgres-unsafe", func(s *backend.Store) { s.PostgresUnsafe = true }, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(test.flag(t))
			log, text := logged()
			_, _, err := s.Open(t.Context(), log)
			if err == nil || !strings.Contains(err.Error(), test.setting) || !strings.Contains(err.Error(), test.allows) {
				t.Errorf("error %v; want %s and %s", err, test.setting, test.allows)
			}
			test.allow(s)
			_, closer, err := s.Open(t.Context(), log)
			if err != nil {
				t.Fatal(err)
			}
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
			if strings.Contains(text.String(), test.allows) != test.warns {
				t.Errorf("the log is %q", text)
			}
		})
	}
}
