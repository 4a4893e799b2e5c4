//go:build unix && !aix && !solaris

package keyfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
	"github.com/rollbook-go/rollbook/store/memory"
)

// share copies the durable keys of a Keyring to a host.
func share(t *testing.T, k *keyfile.Keyring, path string) {
	t.Helper()
	next := path + ".next"
	f := must(os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600))(t)
	ok(t, k.Backup(t.Context(), f))
	ok(t, f.Close())
	ok(t, os.Rename(next, path))
}

// newShared returns a Keyring, and the path of a copy of it.
func newShared(t *testing.T) (k *keyfile.Keyring, path string) {
	t.Helper()
	k, path = open(t, newPath(t), newClock()), newPath(t)
	share(t, k, path)
	return k, path
}

func TestShared(t *testing.T) {
	t.Parallel()
	k, path := newShared(t)
	old := seal(t, k, time.Time{})
	id := must(k.Add(t.Context()))(t)
	ok(t, k.Promote(t.Context(), id))
	share(t, k, path)
	s := must(keyfile.OpenShared(path))(t)
	if diff := cmp.Diff(keys(t, k), s.Keys()); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	for _, deadline := range []time.Time{{}, start.Add(time.Hour), start.Add(48 * time.Hour)} {
		if key, err := s.SealingKey(t.Context(), deadline); err != nil || key.ID() != id {
			t.Errorf("seals until %v under %v, %v", deadline, key, err)
		}
	}
	for _, want := range []enduser.Key{old, seal(t, k, time.Time{})} {
		if key, err := s.OpeningKey(t.Context(), want.ID()); err != nil || string(secretOf(key)) != string(secretOf(want)) {
			t.Errorf("opens %v with %v, %v", want, key, err)
		}
	}
	wantErr(t, "unknown key", second(s.OpeningKey(t.Context(), "k-0000000000000000")), enduser.ErrNoKey)
	if s.String() != "keyfile "+path {
		t.Errorf("String is %q", s)
	}
}

// Nothing is written beside a shared file, which may be a link to elsewhere.
func TestSharedWritesNothing(t *testing.T) {
	t.Parallel()
	k, path := newShared(t)
	dir := t.TempDir()
	link := filepath.Join(dir, "ring")
	ok(t, os.Symlink(path, link))
	s := must(keyfile.OpenShared(link))(t)
	ok(t, s.Reload())
	must(s.OpeningKey(t.Context(), seal(t, k, time.Time{}).ID()))(t)
	for _, folder := range []string{dir, filepath.Dir(path)} {
		if entries := must(os.ReadDir(folder))(t); len(entries) != 1 {
			t.Errorf("the folder has %v", entries)
		}
	}
}

func TestSharedRefuses(t *testing.T) {
	t.Parallel()
	mode := func(m fs.FileMode) func(*testing.T, string) {
		return func(t *testing.T, path string) { ok(t, os.Chmod(path, m)) }
	}
	ofGroup := keyfile.ErrExposed
	if os.Geteuid() == 0 { // as platforms mount secrets
		ofGroup = nil
	}
	for name, test := range map[string]struct {
		change func(t *testing.T, path string)
		want   error
	}{
		"as it is":           {mode(0o600), nil},
		"read-only":          {mode(0o400), nil},
		"read by its group":  {mode(0o440), ofGroup},
		"0640":               {mode(0o640), ofGroup},
		"read by all":        {mode(0o644), keyfile.ErrExposed},
		"written by others":  {mode(0o602), keyfile.ErrExposed},
		"written by a group": {mode(0o620), keyfile.ErrExposed},
		"missing":            {func(t *testing.T, path string) { ok(t, os.Remove(path)) }, keyfile.ErrMissing},
		"a folder": {func(t *testing.T, path string) {
			ok(t, os.Remove(path))
			ok(t, os.Mkdir(path, 0o700))
		}, keyfile.ErrNotRegular},
		"empty":    {func(t *testing.T, path string) { ok(t, os.Truncate(path, 0)) }, keyfile.ErrCorrupt},
		"shorter":  {func(t *testing.T, path string) { ok(t, os.Truncate(path, 100)) }, keyfile.ErrCorrupt},
		"too long": {func(t *testing.T, path string) { ok(t, os.Truncate(path, 2<<20)) }, keyfile.ErrCorrupt},
		"a later version": {func(t *testing.T, path string) {
			ok(t, os.WriteFile(path, []byte("rollbook-keyfile 2\n"), 0o600))
		}, keyfile.ErrVersion},
		"of one host": {func(t *testing.T, path string) { seal(t, open(t, path, newClock()), start) }, keyfile.ErrEpoch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, path := newShared(t)
			shared := must(keyfile.OpenShared(path))(t)
			before := shared.Keys()
			test.change(t, path)
			s, err := keyfile.OpenShared(path)
			wantErr(t, "open", err, test.want)
			if (s == nil) != (test.want != nil) {
				t.Errorf("%v with %v", s, err)
			}
			wantErr(t, "reload", shared.Reload(), test.want)
			if diff := cmp.Diff(before, shared.Keys()); diff != "" {
				t.Errorf("keys after Reload (-before +after):\n%s", diff)
			}
			must(shared.SealingKey(t.Context(), time.Time{}))(t)
		})
	}
}

// TestSharedKeepsPrimary: a host that has missed a promotion refuses the file without the key that it
// has sealed under, also when it looks for the new key. It takes both files in their order.
func TestSharedKeepsPrimary(t *testing.T) {
	t.Parallel()
	k, path := newShared(t)
	s := must(keyfile.OpenShared(path))(t)
	before := s.Keys()
	old := must(s.SealingKey(t.Context(), time.Time{}))(t)
	id := must(k.Add(t.Context()))(t)
	ok(t, k.Promote(t.Context(), id))
	promoted := newPath(t)
	share(t, k, promoted)
	ok(t, k.Retire(t.Context(), old.ID()))
	retired := newPath(t)
	share(t, k, retired)

	ok(t, os.Rename(retired, path))
	wantErr(t, "reload", s.Reload(), keyfile.ErrPrimary)
	wantErr(t, "the new key", second(s.OpeningKey(t.Context(), id)), keyfile.ErrPrimary)
	if diff := cmp.Diff(before, s.Keys()); diff != "" {
		t.Errorf("keys (-before +after):\n%s", diff)
	}
	must(s.OpeningKey(t.Context(), old.ID()))(t)
	ok(t, os.Rename(promoted, path))
	ok(t, s.Reload())
	share(t, k, path)
	ok(t, s.Reload())
	wantErr(t, "the retired key", second(s.OpeningKey(t.Context(), old.ID())), enduser.ErrNoKey)
}

// TestSharedOfAnother: a file of another user than root, which could replace it, is refused.
func TestSharedOfAnother(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		if _, err := keyfile.OpenShared("/bin/sh"); err == nil { // root's, and read by all
			t.Error("a file that all can read is accepted")
		}
		return
	}
	_, path := newShared(t)
	ok(t, os.Chown(path, 12345, 12345))
	wantErr(t, "open", second(keyfile.OpenShared(path)), keyfile.ErrExposed)
}

// A host that is given a new key later than the others finds it when it needs it. One that is
// given a damaged file cannot tell, and goes on with the keys that it knows.
func TestSharedFindsNewKeys(t *testing.T) {
	t.Parallel()
	k, path := newShared(t)
	s := must(keyfile.OpenShared(path))(t)
	old := seal(t, k, time.Time{})
	id := must(k.Add(t.Context()))(t)
	ok(t, k.Promote(t.Context(), id))
	wantErr(t, "before", second(s.OpeningKey(t.Context(), id)), enduser.ErrNoKey)

	good := must(os.ReadFile(path))(t)
	ok(t, os.WriteFile(path, good[:len(good)-1], 0o600))
	wantErr(t, "damaged", second(s.OpeningKey(t.Context(), id)), keyfile.ErrCorrupt)
	must(s.OpeningKey(t.Context(), old.ID()))(t)
	ok(t, os.Remove(path))
	if _, err := s.OpeningKey(t.Context(), id); err == nil || err == enduser.ErrNoKey { //nolint:errorlint // that itself
		t.Errorf("without a file: %v", err)
	}

	share(t, k, path)
	if key := must(s.OpeningKey(t.Context(), id))(t); key.ID() != id {
		t.Errorf("opens with %v", key)
	}
	if key := must(s.SealingKey(t.Context(), time.Time{}))(t); key.ID() != id {
		t.Errorf("seals under %v", key)
	}
}

// A rotation over two hosts: at no time does either meet a secret that it cannot open.
func TestSharedRotation(t *testing.T) {
	t.Parallel()
	k, path := newShared(t)
	paths := []string{path, newPath(t)}
	share(t, k, paths[1])
	st := memory.New(nil)
	var rings []*keyfile.Shared
	var hosts []*enduser.Manager
	for _, path := range paths {
		ring := must(keyfile.OpenShared(path))(t)
		rings = append(rings, ring)
		hosts = append(hosts, enduser.New(st, &enduser.Options{Now: newClock().Now, Keyring: ring}))
	}
	names := 0
	work := func() {
		t.Helper()
		for _, h := range hosts {
			names++
			_, _, err := h.Tenant("acme").Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: string(rune('a' + names))})
			ok(t, err)
		}
		for _, h := range hosts {
			for g, err := range h.Tenant("acme").Groups().All(t.Context()) {
				ok(t, err)
				must(h.Tenant("acme").Groups().Reveal(t.Context(), g))(t)
			}
		}
	}
	old := seal(t, k, time.Time{}).ID()
	work()
	id := must(k.Add(t.Context()))(t)
	for _, path := range paths {
		share(t, k, path)
		work()
	}
	ok(t, k.Promote(t.Context(), id))
	for i, path := range paths {
		share(t, k, path)
		ok(t, rings[i].Reload())
		work() // the second host still seals under the old key when the first does not
	}
	must(hosts[0].Reseal(t.Context()))(t)
	if counts := must(hosts[1].CountSealed(t.Context()))(t); counts[old] != 0 || counts[id] != names {
		t.Errorf("sealed under each key: %v; want %d under %s", counts, names, id)
	}
	ok(t, k.Retire(t.Context(), old))
	for _, path := range paths {
		share(t, k, path)
		work()
	}
}
