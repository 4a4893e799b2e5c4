//go:build unix && !aix && !solaris

package keyfile_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
	"github.com/rollbook-go/rollbook/internal/testing/size"
)

func TestOpenMakesAFile(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	want := []keyfile.KeyInfo{{ID: keys(t, k)[0].ID, Made: start, Primary: true}}
	if diff := cmp.Diff(want, keys(t, k)); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	for _, name := range []string{path, path + ".lock"} {
		info, err := os.Stat(name)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 2 {
		t.Errorf("the folder has %v, %v", entries, err)
	}
	// The next Open finds that file.
	again := open(t, path, c)
	checkOpens(t, again, seal(t, k, time.Time{}))
	if diff := cmp.Diff(keys(t, k), keys(t, again)); diff != "" {
		t.Errorf("keys of the second Open (-first +second):\n%s", diff)
	}
}

// Of several Open calls at once for a missing file, one makes it.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	sums := make([]string, 8)
	var wg sync.WaitGroup
	for i := range sums {
		wg.Go(func() {
			k, err := keyfile.Open(t.Context(), path, &keyfile.Options{Now: c.Now})
			if err != nil {
				t.Error(err)
				return
			}
			key, err := k.SealingKey(t.Context(), time.Time{})
			if err != nil {
				t.Error(err)
				return
			}
			sums[i] = key.ID() + sumOf(key)
		})
	}
	wg.Wait()
	for _, p := range sums {
		if p != sums[0] {
			t.Errorf("different primary keys: %v", sums)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(path string) error
		want  error
	}{
		"group reads":   {chmod(0o640), keyfile.ErrExposed},
		"others read":   {chmod(0o604), keyfile.ErrExposed},
		"others write":  {chmod(0o602), keyfile.ErrExposed},
		"group runs":    {chmod(0o610), keyfile.ErrExposed},
		"public folder": {func(path string) error { return chmod(0o777)(filepath.Dir(path)) }, keyfile.ErrExposed},
		"symbolic link": {func(path string) error {
			return errors.Join(os.Rename(path, path+".real"), os.Symlink(path+".real", path))
		}, keyfile.ErrNotRegular},
		"dangling link": {func(path string) error {
			return errors.Join(os.Remove(path), os.Symlink(path+".real", path))
		}, keyfile.ErrNotRegular},
		"folder": {func(path string) error {
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
		}, keyfile.ErrNotRegular},
		"lost":           {os.Remove, keyfile.ErrMissing},
		"folder is lost": {func(path string) error { return os.RemoveAll(filepath.Dir(path)) }, fs.ErrNotExist},
		"later version": {func(path string) error {
			return os.WriteFile(path, []byte("rollbook-keyfile 2\nwhatever\n"), 0o600)
		}, keyfile.ErrVersion},
		"version 0": {func(path string) error {
			return os.WriteFile(path, []byte("rollbook-keyfile 0\nwhatever\n"), 0o600)
		}, keyfile.ErrCorrupt},
		"empty":    {func(path string) error { return os.Truncate(path, 0) }, keyfile.ErrCorrupt},
		"too long": {func(path string) error { return os.Truncate(path, 1<<20+1) }, keyfile.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, c := newPath(t), newClock()
			k := open(t, path, c)
			ok(t, test.spoil(path))
			before, _ := os.ReadFile(path)
			info, _ := os.Lstat(path)
			got, err := keyfile.Open(t.Context(), path, &keyfile.Options{Now: c.Now})
			if !errors.Is(err, test.want) || got != nil {
				t.Errorf("Open: %v, %v; want %v", got, err, test.want)
			}
			// A Keyring that is open notices too, except for the folder.
			if name != "public folder" && !errors.Is(test.want, fs.ErrNotExist) {
				for call, err := range calls(t, k) {
					if !errors.Is(err, test.want) {
						t.Errorf("%s: %v; want %v", call, err, test.want)
					}
				}
			}
			after, _ := os.ReadFile(path)
			afterInfo, _ := os.Lstat(path)
			if !bytes.Equal(before, after) || info != nil && (!os.SameFile(info, afterInfo) || info.Mode() != afterInfo.Mode()) {
				t.Errorf("the file was touched")
			}
		})
	}
}

func chmod(mode fs.FileMode) func(path string) error {
	return func(path string) error { return os.Chmod(path, mode) }
}

// calls returns the error of every call that needs the file.
func calls(t *testing.T, k *keyfile.Keyring) map[string]error {
	t.Helper()
	ctx := t.Context()
	errs := make(map[string]error)
	_, errs["SealingKey"] = k.SealingKey(ctx, time.Time{})
	_, errs["SealingKey with a deadline"] = k.SealingKey(ctx, start)
	_, errs["OpeningKey"] = k.OpeningKey(ctx, "k-unknown")
	_, errs["Keys"] = k.Keys(ctx)
	_, errs["Add"] = k.Add(ctx)
	errs["Promote"] = k.Promote(ctx, "k-unknown")
	errs["Retire"] = k.Retire(ctx, "k-unknown")
	errs["DestroyKeys"] = k.DestroyKeys(ctx)
	errs["Backup"] = k.Backup(ctx, &bytes.Buffer{})
	return errs
}

// A running process that loses its file still has the keys that it knows, but seals
// nothing until the file is back.
func TestLostFile(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	primary, hour := seal(t, k, time.Time{}), seal(t, k, start)
	b := load(t, path)
	ok(t, os.Remove(path))
	checkOpens(t, k, primary)
	checkOpens(t, k, hour)
	for call, err := range calls(t, k) {
		if !errors.Is(err, keyfile.ErrMissing) {
			t.Errorf("%s without the file: %v", call, err)
		}
	}
	wantErr(t, "there is a file again", second(os.Lstat(path)), fs.ErrNotExist)
	save(t, path, b)
	seals(t, k, start, hour)
	// Open does not begin anew if Existing is set.
	ok(t, errors.Join(os.Remove(path), os.Remove(path+".lock")))
	wantErr(t, "Existing", second(keyfile.Open(t.Context(), path, &keyfile.Options{Existing: true})), keyfile.ErrMissing)
	checkNoKey(t, open(t, path, c), primary.ID())
}

// A running process whose file is replaced by an older copy does not seal under a key
// that is not in that copy.
func TestOlderFile(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	b := load(t, path)
	lost := seal(t, k, start)
	save(t, path, b)
	got := seal(t, k, start)
	if got.ID() == lost.ID() {
		t.Error("sealed under a key that is not in the file")
	}
	checkOpens(t, open(t, path, c), got)
}

func TestRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	c := newClock()
	k := must(keyfile.Open(t.Context(), "rollbook.keys", &keyfile.Options{Now: c.Now}))(t)
	t.Chdir(t.TempDir())
	seal(t, k, start)
	wantErr(t, "a second file", second(os.Stat("rollbook.keys")), fs.ErrNotExist)
}

// A changed byte, and a cut at any length, is noticed.
func TestDamage(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	must(k.Add(t.Context()))(t)
	seal(t, k, start)
	whole := load(t, path)
	var damaged [][]byte
	for i := range whole {
		damaged = append(damaged, whole[:i])
		flips := []byte{1, 0x20, 0x80, whole[i]} // the last one makes it zero
		for _, flip := range size.Pick(t, flips[i%4:i%4+1], flips, flips) {
			b := bytes.Clone(whole)
			b[i] ^= flip
			damaged = append(damaged, b)
		}
	}
	damaged = append(damaged, append(bytes.Clone(whole), '\n'), append(bytes.Clone(whole), whole...),
		bytes.ReplaceAll(whole, []byte("\n"), []byte("\r\n")), make([]byte, len(whole)))
	for _, b := range damaged {
		save(t, path, b)
		_, err := keyfile.Open(t.Context(), path, &keyfile.Options{Now: c.Now})
		_, sealErr := k.SealingKey(t.Context(), time.Time{})
		for _, err := range []error{err, sealErr} {
			if !errors.Is(err, keyfile.ErrCorrupt) && !errors.Is(err, keyfile.ErrVersion) {
				t.Fatalf("%v\nof\n%q", err, b)
			}
			for _, line := range strings.Split(string(whole), "\n")[1:] {
				if secret := line[strings.LastIndexByte(line, ' ')+1:]; secret != "" && strings.Contains(err.Error(), secret) {
					t.Fatalf("the error shows a secret: %v", err)
				}
			}
		}
		if after := load(t, path); !bytes.Equal(after, b) {
			t.Fatalf("the file was touched:\n%q\nis now\n%q", b, after)
		}
	}
	save(t, path, whole)
	open(t, path, c)
}

// shown returns the forms in which a secret may be printed.
func shown(secret []byte) []string {
	list := strings.Trim(fmt.Sprintf("%d", secret), "[]")
	return []string{
		string(secret), hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)),
		base64.RawStdEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret),
		list, strings.ReplaceAll(list, " ", ","), fmt.Sprintf("%#v", secret)[len("[]byte{"):40], fmt.Sprintf("%q", secret),
	}
}

func TestPrintsShowNoSecret(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	secrets := [][]byte{secretOf(seal(t, k, time.Time{})), secretOf(seal(t, k, start))}
	infos := keys(t, k)
	var b bytes.Buffer
	for _, v := range []any{k, infos, infos[0], &infos[0], struct{ K *keyfile.Keyring }{k}, []enduser.Keyring{k}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&b, verb+"\n", v)
		}
		opts := &slog.HandlerOptions{Level: slog.LevelDebug}
		for _, h := range []slog.Handler{slog.NewTextHandler(&b, opts), slog.NewJSONHandler(&b, opts)} {
			slog.New(h).Info("message", "v", v)
		}
	}
	for _, secret := range secrets {
		for _, s := range shown(secret) {
			if bytes.Contains(b.Bytes(), []byte(s)) {
				t.Errorf("shown as %q in\n%s", s, b.String())
			}
		}
	}
	if want := "keyfile " + path; k.String() != want || !strings.Contains(b.String(), want) {
		t.Errorf("String: %q; want %q", k.String(), want)
	}
}
