package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// backedUp returns a backup in a folder of its own that has these users.
func backedUp(t *testing.T, ids ...string) string {
	t.Helper()
	s := open(t, file(t), nil)
	for _, id := range ids {
		apply(t, s, "t", store.Create(user(id), []byte("note")))
	}
	to := file(t)
	must(t, s.Backup(t.Context(), to, nil))
	return to
}

func TestRestore(t *testing.T) {
	from := backedUp(t, "a", "b")
	path := file(t)
	// What a database has left that is gone belongs to nothing.
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		must(t, os.WriteFile(path+suffix, []byte("left"), 0o600))
	}
	must(t, sqlite.Restore(t.Context(), path, from, nil))
	private(t, path)
	if files := names(t, filepath.Dir(path)); len(files) != 1 {
		t.Errorf("there are %q", files)
	}
	before := contents(t, path)
	for _, c := range []struct {
		opts *sqlite.RestoreOptions
		from string
		want error
	}{
		{nil, from, fs.ErrExist},
		{&sqlite.RestoreOptions{Replace: true}, path, sqlite.ErrNotBackup},
		{&sqlite.RestoreOptions{Replace: true}, file(t), fs.ErrNotExist},
	} {
		if err := sqlite.Restore(t.Context(), path, c.from, c.opts); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.opts, err, c.want)
		}
		if after := contents(t, path); !slices.Equal(before, after) {
			t.Errorf("%v: the database has changed", c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sqlite.Restore(ctx, file(t), from, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	opensWith(t, path, "restored", false, "a", "b")
	checkFile(t, path)
	must(t, sqlite.Restore(t.Context(), path, backedUp(t, "c"), &sqlite.RestoreOptions{Replace: true}))
	opensWith(t, path, "replaced", false, "c")
}

// TestRestoreLink: a link stays, and what it leads to is replaced.
func TestRestoreLink(t *testing.T) {
	path, link := file(t), file(t)
	opensWith(t, path, "empty", false)
	must(t, os.Symlink(path, link))
	must(t, sqlite.Restore(t.Context(), link, backedUp(t, "a"), &sqlite.RestoreOptions{Replace: true}))
	if to, err := os.Readlink(link); to != path {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	opensWith(t, path, "behind the link", false, "a")
}

// TestRestoreInUse: a database that this process or another has open is not replaced.
func TestRestoreInUse(t *testing.T) {
	path, from := file(t), backedUp(t, "a")
	child := startProcess(t)
	there, err := child.open(path)
	must(t, err)
	apply(t, there, "t", store.Create(user("old"), nil))
	replace := func() error {
		return sqlite.Restore(t.Context(), path, from, &sqlite.RestoreOptions{Replace: true})
	}
	if err := replace(); !errors.Is(err, sqlite.ErrInUse) {
		t.Errorf("another process: %v", err)
	}
	apply(t, there, "t", store.Create(user("goes on"), nil))
	here := open(t, path, nil)
	must(t, there.close())
	if err := replace(); !errors.Is(err, sqlite.ErrInUse) {
		t.Errorf("this process: %v", err)
	}
	apply(t, here, "t", store.Create(user("still"), nil))
	if ids := users(t, here); !slices.Equal(ids, []string{"old", "goes on", "still"}) {
		t.Errorf("in use it has %q", ids)
	}
	if files := names(t, filepath.Dir(path)); slices.ContainsFunc(files, func(name string) bool { return strings.HasPrefix(name, ".rollbook") }) {
		t.Errorf("there are %q", files)
	}
	must(t, here.Close())
	must(t, replace())
	opensWith(t, path, "restored", false, "a")
}

// TestRestoreOverLog replaces what a process left that was killed, and what somebody left who
// copied a backup over a database and forgot the log.
func TestRestoreOverLog(t *testing.T) {
	killed := file(t)
	s := open(t, killed, nil)
	apply(t, s, "t", store.Create(user("old"), nil))
	from, other := backedUp(t, "a"), backedUp(t, "other")
	for what, main := range map[string]string{"killed": killed, "copied over": other, "no database": "", "garbage": from + "-wal"} {
		path := file(t)
		must(t, os.WriteFile(from+"-wal", []byte("garbage, and no database at all"), 0o600))
		if main != "" {
			copyFile(t, main, path)
		}
		must(t, os.Remove(from+"-wal"))
		copyFile(t, killed+"-wal", path+"-wal")
		if what != "no database" {
			copyFile(t, killed+"-shm", path+"-shm")
		}
		// A file that cannot be restored leaves it as it was.
		bad := file(t)
		must(t, os.WriteFile(bad, []byte("bad"), 0o600))
		replace := &sqlite.RestoreOptions{Replace: true}
		if err := sqlite.Restore(t.Context(), path, bad, replace); !errors.Is(err, sqlite.ErrNotBackup) {
			t.Errorf("%s: %v", what, err)
		}
		if what == "killed" {
			opensWith(t, path, what, false, "old")
		}
		must(t, sqlite.Restore(t.Context(), path, from, replace))
		if files := names(t, filepath.Dir(path)); len(files) != 1 {
			t.Errorf("%s: there are %q", what, files)
		}
		opensWith(t, path, what, false, "a")
		checkFile(t, path)
	}
}

// TestRestoreRefuses: what is no intact backup is not restored, and nothing is left of it.
func TestRestoreRefuses(t *testing.T) {
	good, err := os.ReadFile(backedUp(t, "a", "b", "c"))
	must(t, err)
	newer := backedUp(t, "a")
	conn, done := raw(t, newer)
	must(t, sqlite.MigrateTo(t.Context(), conn, later))
	done()
	foreign := file(t)
	execRaw(t, foreign, `CREATE TABLE theirs (n)`)
	half := file(t)
	execRaw(t, half, `CREATE TABLE rollbook_migration (version INTEGER PRIMARY KEY, name, needs)`,
		`INSERT INTO rollbook_migration VALUES (1, 'records', 1)`)
	logged := file(t)
	apply(t, open(t, logged, nil), "t", store.Create(user("a"), nil))
	linked := file(t)
	must(t, os.Symlink(logged, linked))
	emptied := file(t) // in use, and its log was just emptied
	inUse := open(t, emptied, nil)
	apply(t, inUse, "t", store.Create(user("a"), nil))
	must(t, inUse.Scrub(t.Context()))
	written := func(b []byte) string {
		name := file(t)
		must(t, os.WriteFile(name, b, 0o600))
		return name
	}
	journal := written(good)
	must(t, os.WriteFile(journal+"-journal", []byte("a transaction that has not ended"), 0o600))
	for what, c := range map[string]struct {
		from string
		want error
	}{
		"an empty file":       {written(nil), sqlite.ErrNotBackup},
		"text":                {written([]byte(strings.Repeat("text ", 5000))), sqlite.ErrNotBackup},
		"half of it":          {written(good[:len(good)/2]), sqlite.ErrNotBackup},
		"a page less":         {written(good[:len(good)-4096]), sqlite.ErrNotBackup},
		"another database":    {foreign, sqlite.ErrNotBackup},
		"half a schema":       {half, sqlite.ErrNotBackup},
		"a database in use":   {logged, sqlite.ErrNotBackup},
		"a link to it":        {linked, sqlite.ErrNotBackup},
		"an emptied log":      {emptied, sqlite.ErrNotBackup},
		"a journal beside it": {journal, sqlite.ErrNotBackup},
		"a newer schema":      {newer, sqlite.ErrNewerSchema},
		"a folder":            {t.TempDir(), nil},
	} {
		path := file(t)
		if err := sqlite.Restore(t.Context(), path, c.from, nil); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
		if files := names(t, filepath.Dir(path)); len(files) > 0 {
			t.Errorf("%s: there are %q", what, files)
		}
	}
	// A page that is overwritten is noticed wherever it is, unless nothing is in it.
	for page := range len(good) / 4096 {
		b := slices.Clone(good)
		at := b[page*4096 : (page+1)*4096]
		if page == 0 {
			at = at[100:] // the header
		}
		if !slices.ContainsFunc(at, func(c byte) bool { return c != 0 }) {
			continue
		}
		for i := range at {
			at[i] = 0xa5
		}
		path := file(t)
		if err := sqlite.Restore(t.Context(), path, written(b), nil); !errors.Is(err, sqlite.ErrNotBackup) {
			t.Errorf("page %d overwritten: %v", page, err)
		}
	}
}

const backupsVariable = "ROLLBOOK_SQLITE_TEST_BACKUPS"

// TestRestoreKilled kills a process that restores two backups in turns to one path, again and
// again. There always is the whole of one of them.
func TestRestoreKilled(t *testing.T) {
	t.Parallel()
	path, one, two := file(t), backedUp(t, "one"), backedUp(t, "two", "more")
	must(t, sqlite.Restore(t.Context(), path, one, nil))
	seen := make(map[string]int)
	least := size.Pick(t, 8, 60, 500)
	both := func() bool { return seen["one"] > 0 && seen["two"] > 0 }
	for n := 0; n < least || !both() && n < least+200; n++ {
		cmd := self("restore")
		cmd.Env = append(cmd.Env, pathVariable+"="+path, backupsVariable+"="+one+"\n"+two)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		_, err = io.ReadFull(out, make([]byte, 1+rand.IntN(4))) // so many have begun
		must(t, err)
		wait := time.NewTimer(time.Duration(rand.IntN(30)) * time.Millisecond)
		<-wait.C
		must(t, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed
		s := open(t, path, nil)
		ids := fmt.Sprint(users(t, s))
		switch strings.TrimSuffix(strings.TrimSuffix(ids, "]"), " written") {
		case "[one":
			seen["one"]++
		case "[two more":
			seen["two"]++
		default:
			t.Fatalf("there are %s", ids)
		}
		must(t, s.Close())
		checkFile(t, path)
	}
	if t.Logf("%v", seen); !both() {
		t.Error("the process was always killed at the same place")
	}
}

// restoreUntilKilled is the process that is killed. It writes to each database that it has
// restored, so that there is a log when the next one comes.
func restoreUntilKilled() error {
	ctx := context.Background()
	path := os.Getenv(pathVariable)
	backups := strings.Split(os.Getenv(backupsVariable), "\n")
	end := time.Now().Add(5 * time.Minute)
	for i := 0; time.Now().Before(end); i++ {
		_, _ = os.Stdout.WriteString("\n")
		if err := sqlite.Restore(ctx, path, backups[i%2], &sqlite.RestoreOptions{Replace: true}); err != nil {
			return err
		}
		s, err := sqlite.Open(ctx, path, nil)
		if err != nil {
			return err
		}
		_, err = s.Apply(ctx, "t", store.Ops(store.Create(user("written"), nil)))
		if err := errors.Join(err, s.Close()); err != nil {
			return err
		}
	}
	return errors.New("still alive")
}
