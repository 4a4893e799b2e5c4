//go:build unix && !aix && !solaris

package keyfile_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
)

const day = 24 * time.Hour

func TestDeadlines(t *testing.T) {
	t.Parallel()
	hour := start.Truncate(time.Hour)
	end := hour.Add(time.Hour)
	for name, test := range map[string]struct {
		now, deadline time.Time
		want          error
	}{
		"a day":                 {start, start.Add(day), nil},
		"as the hour begins":    {hour, hour.Add(day), nil},
		"as the hour ends":      {end.Add(-1), end.Add(-1).Add(day), nil},
		"the last instant":      {start, end.Add(day), nil},
		"one later":             {start, end.Add(day + 1), keyfile.ErrDeadline},
		"one later, first hour": {hour, end.Add(day + 1), keyfile.ErrDeadline},
		"a year":                {start, start.AddDate(1, 0, 0), keyfile.ErrDeadline},
		"passed":                {start, start.Add(-day), nil},
		"in another zone":       {start.In(time.FixedZone("", 5*3600+1800)), end.Add(day).In(time.FixedZone("", -1800)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, c := newPath(t), newClock()
			c.Set(test.now)
			k := open(t, path, c)
			key, err := k.SealingKey(t.Context(), test.deadline)
			if !errors.Is(err, test.want) {
				t.Fatalf("%v; want %v", err, test.want)
			}
			infos := keys(t, k)
			if test.want != nil {
				if len(infos) != 1 || key != (enduser.Key{}) {
					t.Errorf("a refused deadline made %v, keys %v", key, infos)
				}
				return
			}
			want := keyfile.KeyInfo{
				ID: key.ID(), Made: test.now.UTC().Truncate(time.Second),
				Epoch: true, Hour: hour, Until: end.Add(day),
			}
			if diff := cmp.Diff(want, infos[len(infos)-1]); diff != "" {
				t.Errorf("key (-want +got):\n%s", diff)
			}
			if !strings.HasPrefix(key.ID(), "e2026092114-") {
				t.Errorf("ID %s", key.ID())
			}
		})
	}
}

// A key expires at an exact instant.
func TestEndOfAKey(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k, other := open(t, path, c), open(t, path, c)
	key := seal(t, k, start.Add(day))
	secret := base64.RawStdEncoding.EncodeToString(secretOf(key))
	until := start.Truncate(time.Hour).Add(25 * time.Hour)
	c.Set(until.Add(-1))
	ok(t, k.DestroyKeys(t.Context()))
	checkOpens(t, k, key)
	checkOpens(t, other, key)
	checkOpens(t, open(t, path, c), key)

	c.Set(until)
	if !bytes.Contains(load(t, path), []byte(secret)) {
		t.Fatal("destroyed before anybody did, so this shows nothing")
	}
	checkNoKey(t, k, key.ID())
	checkNoKey(t, other, key.ID())
	checkNoKey(t, open(t, path, c), key.ID()) // that one never held it
	if infos := keys(t, k); len(infos) != 2 || infos[1].ID != key.ID() {
		t.Errorf("the key is not listed until it is destroyed: %v", infos)
	}

	// Setting the clock back revives the key for no Keyring that has seen it expire, also
	// if it reads the file again.
	c.Set(until.Add(-time.Minute))
	must(k.Add(t.Context()))(t)
	checkOpens(t, open(t, path, c), key)
	checkNoKey(t, k, key.ID())
	checkNoKey(t, other, key.ID())

	c.Set(until)
	ok(t, k.DestroyKeys(t.Context()))
	b := load(t, path)
	if bytes.Contains(b, []byte(secret)) || bytes.Contains(b, secretOf(key)) || bytes.Contains(b, []byte(key.ID())) {
		t.Errorf("not destroyed:\n%s", b)
	}
	c.Set(until.Add(-time.Minute))
	checkNoKey(t, open(t, path, c), key.ID())

	// The hour comes again: the key is another one.
	c.Set(start)
	again := seal(t, k, start)
	if again.ID() == key.ID() || sumOf(again) == sumOf(key) {
		t.Errorf("%v came back as %v", key, again)
	}
	checkOpens(t, other, again)
	checkOpens(t, k, again)
}

// A clock that is two days ahead for a moment expires the hour's key: what is sealed next
// gets another key, not one that cannot be opened.
func TestClockAhead(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	key := seal(t, k, start)
	c.Advance(2 * day)
	checkNoKey(t, k, key.ID())
	c.Set(start)
	again := seal(t, k, start)
	if again.ID() == key.ID() {
		t.Error("sealed under a key that is over")
	}
	checkOpens(t, k, again)
	seals(t, k, start, again)
	checkNoKey(t, k, key.ID())
	// A Keyring that did not see it expire loses nothing, and uses the new key from now on.
	other := open(t, path, c)
	checkOpens(t, other, key)
	seals(t, other, start, again)
}

// Two processes have clocks that are five minutes apart.
func TestSkew(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	slow, fast := newClock(), newClock()
	a, b := open(t, path, slow), open(t, path, fast)
	sealed := make(map[string]enduser.Key)
	ends := make(map[string]time.Time)
	for now := start; now.Before(start.Add(30 * time.Hour)); now = now.Add(time.Minute) {
		slow.Set(now)
		fast.Set(now.Add(5 * time.Minute))
		for _, k := range []*keyfile.Keyring{a, b} {
			key := seal(t, k, now.Add(day))
			sealed[key.ID()] = key
		}
		if now.Minute()%10 == 0 {
			ok(t, errors.Join(a.DestroyKeys(t.Context()), b.DestroyKeys(t.Context())))
		}
		for _, info := range keys(t, a) {
			ends[info.ID] = info.Until
		}
		for id, key := range sealed {
			if until := ends[id]; fast.Now().Before(until) {
				checkOpens(t, a, key)
				checkOpens(t, b, key)
			} else {
				checkNoKey(t, b, id)
			}
			if !slow.Now().Before(ends[id]) {
				checkNoKey(t, a, id)
				delete(sealed, id)
			}
		}
	}
	if len(ends) != 1+31 { // the primary key, and one for each hour from 14 to 20 the next day
		t.Errorf("%d keys were made", len(ends))
	}
	if n := len(keys(t, a)); n > 28 {
		t.Errorf("%d keys are left", n)
	}
}

func TestPastKeysGoAsNewOnesAreMade(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	for range 40 {
		seal(t, k, c.Now().Add(day))
		c.Advance(time.Hour)
	}
	if n := len(keys(t, k)); n != 1+25 { // nobody called DestroyKeys
		t.Errorf("%d keys", n)
	}
}

// Unknown keys do not make a Keyring read the file.
func TestUnknownKeys(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	info := must(os.Stat(path))(t)
	// The file now looks the same and is damaged: a call that does not notice did not
	// read it.
	ok(t, os.WriteFile(path, make([]byte, info.Size()), 0o600))
	ok(t, os.Chtimes(path, time.Time{}, info.ModTime()))
	for _, id := range []string{"", "k-0000000000000000", strings.Repeat("x", 1<<20), "\xff", "../../etc/passwd", "a\nb"} {
		checkNoKey(t, k, id)
	}
	ok(t, os.Chtimes(path, time.Time{}, info.ModTime().Add(time.Second)))
	wantErr(t, "the file was not read, so the check before shows nothing", second(k.OpeningKey(t.Context(), "k-0000000000000000")), keyfile.ErrCorrupt)
}

// lock takes the lock of a file, as another process does.
func lock(t *testing.T, path string) (release func()) {
	t.Helper()
	l := must(os.OpenFile(path+".lock", os.O_RDWR, 0))(t)
	t.Cleanup(func() { _ = l.Close() })
	ok(t, syscall.Flock(int(l.Fd()), syscall.LOCK_EX))
	return func() {
		t.Helper()
		ok(t, syscall.Flock(int(l.Fd()), syscall.LOCK_UN))
	}
}

// While the lock is held, writers wait as long as their context is live; readers, and
// calls that need no new key, do not wait.
func TestLockWaits(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	key := seal(t, k, start)
	release := lock(t, path)
	checkOpens(t, k, key)
	checkNoKey(t, k, "k-0000000000000000")
	seals(t, k, start, key)
	seal(t, k, time.Time{})
	if err := k.DestroyKeys(t.Context()); err != nil {
		t.Error(err)
	}
	c.Advance(time.Hour)
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	wantErr(t, "SealingKey", second(k.SealingKey(short, c.Now())), context.DeadlineExceeded)
	for range 20 { // some end before they wait for the lock
		wantErr(t, "Add", second(k.Add(ended())), context.Canceled)
	}
	wantErr(t, "Open", second(keyfile.Open(ended(), path, nil)), context.Canceled)
	release()
	checkOpens(t, open(t, path, c), seal(t, k, c.Now()))
}

// If the lock file of a running process is lost, the next write makes another one, with
// its mark.
func TestLockFileLost(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	ok(t, os.Remove(path+".lock"))
	must(k.Add(t.Context()))(t)
	ok(t, os.Remove(path))
	wantErr(t, "the mark is lost", second(keyfile.Open(t.Context(), path, nil)), keyfile.ErrMissing)
}

// The temporary file of a killed process is removed.
func TestRemainsOfWriters(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	for name, call := range map[string]func() error{
		"Open":        func() error { _, err := keyfile.Open(t.Context(), path, nil); return err },
		"Add":         func() error { _, err := k.Add(t.Context()); return err },
		"DestroyKeys": func() error { return k.DestroyKeys(t.Context()) },
	} {
		ok(t, os.WriteFile(path+".tmp", []byte("half a fi"), 0o600))
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(path + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s left it there: %v", name, err)
		}
	}
}

// If writing fails, no key is returned that is not in the file.
func TestCannotWrite(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	primary := seal(t, k, time.Time{})
	before := load(t, path)
	in := filepath.Join(path+".tmp", "in the way")
	ok(t, os.MkdirAll(in, 0o700))
	if key, err := k.SealingKey(t.Context(), start); err == nil || key != (enduser.Key{}) {
		t.Errorf("SealingKey: %v, %v", key, err)
	}
	if id, err := k.Add(t.Context()); err == nil || id != "" {
		t.Errorf("Add: %s, %v", id, err)
	}
	seals(t, k, time.Time{}, primary)
	if !bytes.Equal(load(t, path), before) {
		t.Error("the file was touched")
	}
	ok(t, os.RemoveAll(path+".tmp"))
	checkOpens(t, open(t, path, c), seal(t, k, start))
}

// Destroying a key overwrites the old file too.
func TestOldFileIsOverwritten(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	seal(t, k, start)
	old := must(os.Open(path))(t)
	defer old.Close()
	size := len(load(t, path))
	c.Advance(2 * day)
	ok(t, k.DestroyKeys(t.Context()))
	b := make([]byte, size)
	if _, err := old.ReadAt(b, 0); err != nil || !bytes.Equal(b, make([]byte, size)) {
		t.Errorf("%v, and the old file has\n%q", err, b)
	}
	// A hard link is a copy that an operator made, perhaps the only one: it stays.
	ok(t, os.Link(path, path+".copy"))
	before := load(t, path)
	seal(t, k, c.Now())
	if !bytes.Equal(load(t, path+".copy"), before) {
		t.Error("a hard link was overwritten")
	}
}
