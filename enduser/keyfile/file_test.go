//go:build unix && !aix && !solaris

package keyfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A writer does not replace a file that it has not read: an operator who restores a copy
// does not take the lock.
func TestReplaceLooksAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rollbook.keys")
	first, err := firstFile(path, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	restored := bytes.Clone(first.bytes)
	if err := os.WriteFile(path+".new", restored, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	for what, old := range map[string]fs.FileInfo{"another file": first.info, "no file": nil} {
		if _, err := replace(path, encode(nil), old); err == nil {
			t.Errorf("replaced what is there, having read %s", what)
		}
		if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, restored) {
			t.Errorf("having read %s: the file was touched: %v", what, err)
		}
		if leftBehind(path) {
			t.Errorf("having read %s: it left a temporary file", what)
		}
	}
	now, err := look(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := replace(path, make([]byte, maxFile+1), now); err == nil {
		t.Error("wrote a file that is too long to read")
	}
	if _, err := replace(path, restored, now); err != nil {
		t.Errorf("what was read and is there: %v", err)
	}
}

// A file of another user is refused. Only root can give a file away.
func TestOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	path := filepath.Join(t.TempDir(), "rollbook.keys")
	if _, err := Open(t.Context(), path, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 12345, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, nil); !errors.Is(err, ErrExposed) {
		t.Errorf("%v; want ErrExposed", err)
	}
}

// Files with the right checksum and wrong contents are refused.
func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_790_000_000, 0)
	primary, other, hour := newDurable(now), newDurable(now), newEpoch(now)
	primary.Primary = true
	second := other
	second.Primary = true
	spaced := other
	spaced.ID = "k 1"
	long := other
	long.ID = "k-" + string(bytes.Repeat([]byte("0"), 63))
	for name, records := range map[string][]record{
		"no key":           {},
		"no primary key":   {other, hour},
		"two primary keys": {primary, second},
		"one ID twice":     {primary, other, other},
		"a space in an ID": {primary, spaced},
		"a long ID":        {primary, long},
		"no ID":            {primary, {}},
	} {
		if _, err := decode(encode(records)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v; want ErrCorrupt", name, err)
		}
	}
	got, err := decode(encode([]record{primary, other, hour}))
	if err != nil || len(got) != 3 || got[0] != primary || got[1] != other || got[2] != hour {
		t.Errorf("%v, and what was encoded is not what is decoded", err)
	}
}

// DestroyKeys also removes expired keys from memory, even if the file cannot be read.
func TestDestroyedInMemory(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]bool{"file": false, "no file": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "rollbook.keys")
			now := time.Unix(1_790_000_000, 0)
			k, err := Open(t.Context(), path, &Options{Now: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := k.SealingKey(t.Context(), now); err != nil {
				t.Fatal(err)
			}
			now = now.Add(life + epoch)
			if lose {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			if err := k.DestroyKeys(t.Context()); lose != errors.Is(err, ErrMissing) {
				t.Error(err)
			}
			if len(k.keys) != 1 || k.keys[0].Epoch {
				t.Errorf("%d keys are held", len(k.keys))
			}
		})
	}
}
