package move_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/config"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/move"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// program is the commands of the package.
type program struct {
	Import  move.Import  `cmd:""`
	Export  move.Export  `cmd:""`
	Copy    move.Copy    `cmd:""`
	Backup  move.Backup  `cmd:""`
	Restore move.Restore `cmd:""`
	Verify  move.Verify  `cmd:""`
}

// ran is a command that has ended.
type ran struct {
	status         int
	stdout, stderr string
}

// call is how a command is run; the zero value runs it as a user does who waits.
type call struct {
	ctx    context.Context
	stdin  io.Reader
	now    func() time.Time
	stderr io.Writer // gets a copy
}

func (c call) run(t *testing.T, args ...string) ran {
	t.Helper()
	var stdout, stderr strings.Builder
	env := &cli.Env{Stdin: c.stdin, Stdout: &stdout, Stderr: &stderr, Now: c.now}
	if c.ctx == nil {
		c.ctx = t.Context()
	}
	if env.Stdin == nil {
		env.Stdin = strings.NewReader("")
	}
	if env.Now == nil {
		env.Now = time.Now
	}
	if c.stderr != nil {
		env.Stderr = io.MultiWriter(&stderr, c.stderr)
	}
	status := config.Main(c.ctx, new(program), args, nil, env)
	return ran{status, stdout.String(), stderr.String()}
}

func run(t *testing.T, args ...string) ran {
	t.Helper()
	return call{}.run(t, args...)
}

// ok runs a command that must succeed, and returns its standard output.
func ok(t *testing.T, args ...string) string {
	t.Helper()
	r := run(t, args...)
	if r.status != cli.OK {
		t.Fatalf("%s: status %d\n%s%s", strings.Join(args, " "), r.status, r.stdout, r.stderr)
	}
	return r.stdout
}

// fails runs a command that must end with a status and an error that has a text.
func fails(t *testing.T, status int, want string, args ...string) {
	t.Helper()
	if r := run(t, args...); r.status != status || !strings.Contains(r.stderr, want) {
		t.Errorf("%s: status %d, want %d and %q\n%s%s", strings.Join(args, " "), r.status, status, want, r.stdout, r.stderr)
	}
}

// write writes a file into the working folder.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// in changes to an empty folder, where the default store is.
func in(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
}

// files returns the names in the working folder.
func files(t *testing.T) (names []string) {
	t.Helper()
	all, err := filepath.Glob("*")
	hidden, err2 := filepath.Glob(".*")
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return append(all, hidden...)
}

// use calls fn with a Manager on the default store.
func use(t *testing.T, fn func(users *enduser.Manager)) {
	t.Helper()
	st, err := sqlite.Open(t.Context(), "rollbook.db", &sqlite.Options{Sync: sqlite.Normal})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keyfile.Open(t.Context(), "rollbook.keyring", nil)
	if err != nil {
		t.Fatal(err)
	}
	fn(enduser.New(st, &enduser.Options{Keyring: ring}))
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

// fill puts users and groups of two tenants into the default store.
func fill(t *testing.T, n int) {
	t.Helper()
	use(t, func(users *enduser.Manager) {
		for _, tenant := range []enduser.Tenant{users.Tenant("acme"), users.Tenant("acme").In(enduser.Testing), users.Tenant("umbrella").WithExactIDs(true)} {
			if _, _, err := tenant.Groups().Ensure(t.Context(), enduser.GroupSpec{ExternalID: "crew"}); err != nil {
				t.Fatal(err)
			}
			rows := func(yield func(enduser.Spec) bool) {
				for i := range n {
					if !yield(enduser.Spec{ExternalID: fmt.Sprint("crm-", i), Name: "Ann", Groups: []string{"crew"}}) {
						return
					}
				}
			}
			for _, err := range tenant.UpsertAll(t.Context(), rows, nil) {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// count returns how many users the tenant acme has in the default store.
func count(t *testing.T) (n int) {
	t.Helper()
	use(t, func(users *enduser.Manager) {
		for _, err := range users.Tenant("acme").All(t.Context(), enduser.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
	})
	return n
}

// impatient is a clock that has moved by ten seconds whenever it is read: each step of a command
// is shown.
func impatient() func() time.Time {
	begin, reads := time.Now(), new(atomic.Int64)
	return func() time.Time { return begin.Add(time.Duration(reads.Add(1)) * 10 * time.Second) }
}

// ender ends a context at the nth write of a text that it looks for.
type ender struct {
	text string
	nth  int
	end  func()
}

func (e *ender) Write(p []byte) (int, error) {
	if strings.Contains(string(p), e.text) {
		if e.nth--; e.nth == 0 {
			e.end()
		}
	}
	return len(p), nil
}
