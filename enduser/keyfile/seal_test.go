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

// TestEndOfAKey goes to the instant at which a key's time is over.
func TestEndOfAKey(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k, other := open(t, path, c), open(t, path, c)
	key := seal(t, k, start.Add(day))
	secret := base64.RawStdEncoding.EncodeToString(secretOf(key))
	until := start.Truncate(time.Hour).Add(25 * time.Hour)
	c.Set(until.Add(-1))
	if err := k.DestroyKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
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

	// The clock set back brings it back for nobody who has seen its end, also if they
	// read the file again.
	c.Set(until.Add(-time.Minute))
	if _, err := k.Add(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkOpens(t, open(t, path, c), key)
	checkNoKey(t, k, key.ID())
	checkNoKey(t, other, key.ID())

	c.Set(until)
	if err := k.DestroyKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
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

// TestClockAhead sees the end of the hour's key because the clock is a day ahead
// for a moment: there is another key for what is sealed next, not one that cannot
// be opened.
func TestClockAhead(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	key := seal(t, k, start)
	c.Add(2 * day)
	checkNoKey(t, k, key.ID())
	c.Set(start)
	again := seal(t, k, start)
	if again.ID() == key.ID() {
		t.Error("sealed under a key that is over")
	}
	checkOpens(t, k, again)
	if same := seal(t, k, start); same.ID() != again.ID() {
		t.Errorf("now %v, then %v", again, same)
	}
	checkNoKey(t, k, key.ID())
	// Somebody who did not see it loses nothing, and uses the same from now on.
	other := open(t, path, c)
	checkOpens(t, other, key)
	if same := seal(t, other, start); same.ID() != again.ID() {
		t.Errorf("one seals under %v, the other under %v", again, same)
	}
}

// TestSkew has two processes whose clocks are five minutes apart.
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
			if err := errors.Join(a.DestroyKeys(t.Context()), b.DestroyKeys(t.Context())); err != nil {
				t.Fatal(err)
			}
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
	for range 100 {
		seal(t, k, c.Now().Add(day))
		c.Add(time.Hour)
	}
	if n := len(keys(t, k)); n != 1+25 { // nobody called DestroyKeys
		t.Errorf("%d keys", n)
	}
}

// TestUnknownKeys asks for keys that are not there: the file is not read for it.
func TestUnknownKeys(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	// What is there now looks the same and cannot be read: so whoever does not
	// notice did not read it.
	if err := os.WriteFile(path, make([]byte, info.Size()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", "k-0000000000000000", strings.Repeat("x", 1<<20), "\xff", "../../etc/passwd", "a\nb"} {
		checkNoKey(t, k, id)
	}
	if err := os.Chtimes(path, time.Time{}, info.ModTime().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := k.OpeningKey(t.Context(), "k-0000000000000000"); !errors.Is(err, keyfile.ErrCorrupt) {
		t.Errorf("%v; want ErrCorrupt, or the check before shows nothing", err)
	}
}

// TestLockWaits holds the lock: writers wait as long as their context, readers and
// who needs no new key do not wait.
func TestLockWaits(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	key := seal(t, k, start)
	l, err := os.OpenFile(path+".lock", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := syscall.Flock(int(l.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	checkOpens(t, k, key)
	checkNoKey(t, k, "k-0000000000000000")
	if same := seal(t, k, start); same.ID() != key.ID() {
		t.Errorf("%v, then %v", key, same)
	}
	seal(t, k, time.Time{})
	if err := k.DestroyKeys(t.Context()); err != nil {
		t.Error(err)
	}
	c.Add(time.Hour)
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := k.SealingKey(short, c.Now()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("SealingKey: %v", err)
	}
	if _, err := k.Add(ended()); !errors.Is(err, context.Canceled) {
		t.Errorf("Add: %v", err)
	}
	if _, err := keyfile.Open(ended(), path, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v", err)
	}
	if err := syscall.Flock(int(l.Fd()), syscall.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	checkOpens(t, open(t, path, c), seal(t, k, c.Now()))
}

// TestLockFileLost removes the lock file of a running process: there is another one
// after the next write, with its mark.
func TestLockFileLost(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Add(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := keyfile.Open(t.Context(), path, nil); !errors.Is(err, keyfile.ErrMissing) {
		t.Errorf("%v; want ErrMissing", err)
	}
}

// TestRemainsOfWriters leaves a temporary file behind, as a killed process does.
func TestRemainsOfWriters(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	for name, call := range map[string]func() error{
		"Open":        func() error { _, err := keyfile.Open(t.Context(), path, nil); return err },
		"Add":         func() error { _, err := k.Add(t.Context()); return err },
		"DestroyKeys": func() error { return k.DestroyKeys(t.Context()) },
	} {
		if err := os.WriteFile(path+".tmp", []byte("half a fi"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(path + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s left it there: %v", name, err)
		}
	}
}

// TestCannotWrite makes writing fail: nothing is returned that is not in the file.
func TestCannotWrite(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	primary := seal(t, k, time.Time{})
	before := load(t, path)
	in := filepath.Join(path+".tmp", "in the way")
	if err := os.MkdirAll(in, 0o700); err != nil {
		t.Fatal(err)
	}
	if key, err := k.SealingKey(t.Context(), start); err == nil || key != (enduser.Key{}) {
		t.Errorf("SealingKey: %v, %v", key, err)
	}
	if id, err := k.Add(t.Context()); err == nil || id != "" {
		t.Errorf("Add: %s, %v", id, err)
	}
	if got := seal(t, k, time.Time{}); got.ID() != primary.ID() {
		t.Errorf("%v; want %v", got, primary)
	}
	if !bytes.Equal(load(t, path), before) {
		t.Error("the file was touched")
	}
	if err := os.RemoveAll(path + ".tmp"); err != nil {
		t.Fatal(err)
	}
	checkOpens(t, open(t, path, c), seal(t, k, start))
}

// TestOldFileIsOverwritten holds the old file open while a key is destroyed.
func TestOldFileIsOverwritten(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	seal(t, k, start)
	old, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	size := len(load(t, path))
	c.Add(2 * day)
	if err := k.DestroyKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := old.ReadAt(b, 0); err != nil || !bytes.Equal(b, make([]byte, size)) {
		t.Errorf("%v, and the old file has\n%q", err, b)
	}
	// A hard link is a copy that somebody made: it is all they have.
	if err := os.Link(path, path+".copy"); err != nil {
		t.Fatal(err)
	}
	before := load(t, path)
	seal(t, k, c.Now())
	if !bytes.Equal(load(t, path+".copy"), before) {
		t.Error("a hard link was overwritten")
	}
}
