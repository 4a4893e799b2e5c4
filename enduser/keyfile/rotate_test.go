//go:build unix && !aix && !solaris

package keyfile_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
)

func TestRotation(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	a, b := open(t, path, c), open(t, path, c)
	first, hour := seal(t, a, time.Time{}), seal(t, a, start)
	id, err := a.Add(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := seal(t, b, time.Time{}); got.ID() != first.ID() {
		t.Errorf("a key that was only added is used: %v", got)
	}
	second, err := b.OpeningKey(t.Context(), id)
	if err != nil {
		t.Errorf("the other process does not know the new key: %v", err)
	}
	for _, refused := range []struct {
		what string
		err  error
		want error
	}{
		{"Retire the primary key", a.Retire(t.Context(), first.ID()), keyfile.ErrPrimary},
		{"Retire an epoch key", a.Retire(t.Context(), hour.ID()), keyfile.ErrEpoch},
		{"Retire no key", a.Retire(t.Context(), ""), enduser.ErrNoKey},
		{"Promote an epoch key", a.Promote(t.Context(), hour.ID()), keyfile.ErrEpoch},
		{"Promote no key", a.Promote(t.Context(), "k-0000000000000000"), enduser.ErrNoKey},
	} {
		if !errors.Is(refused.err, refused.want) {
			t.Errorf("%s: %v; want %v", refused.what, refused.err, refused.want)
		}
	}
	for range 2 { // it can be repeated
		if err := a.Promote(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range []*keyfile.Keyring{a, b} {
		if got := seal(t, k, time.Time{}); got.ID() != id || sumOf(got) != sumOf(second) {
			t.Errorf("%v is sealed under after %s was promoted", got, id)
		}
		checkOpens(t, k, first)
		checkOpens(t, k, hour)
	}
	secret := base64.RawStdEncoding.EncodeToString(secretOf(first))
	if !bytes.Contains(load(t, path), []byte(secret)) {
		t.Fatal("not there before, so this shows nothing")
	}
	if err := b.Retire(t.Context(), first.ID()); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(load(t, path), []byte(secret)) {
		t.Error("the retired key is in the file")
	}
	checkNoKey(t, b, first.ID())
	seal(t, a, time.Time{}) // looks at the file
	checkNoKey(t, a, first.ID())
	if err := b.Retire(t.Context(), first.ID()); !errors.Is(err, enduser.ErrNoKey) {
		t.Errorf("retired twice: %v", err)
	}
	want := []keyfile.KeyInfo{
		{ID: hour.ID(), Made: start, Epoch: true, Hour: start.Truncate(time.Hour), Until: start.Truncate(time.Hour).Add(25 * time.Hour)},
		{ID: id, Made: start, Primary: true},
	}
	for _, k := range []*keyfile.Keyring{a, b, open(t, path, c)} {
		if diff := cmp.Diff(want, keys(t, k)); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
		checkOpens(t, k, second)
	}
}

func TestBackup(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	k := open(t, path, c)
	primary, hour := seal(t, k, time.Time{}), seal(t, k, start)
	id, err := k.Add(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := k.Backup(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b.Bytes(), []byte(base64.RawStdEncoding.EncodeToString(secretOf(hour)))) {
		t.Error("an epoch key is in the backup")
	}
	added, err := k.OpeningKey(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	save(t, path, b.Bytes())
	restored := open(t, path, c)
	checkOpens(t, restored, primary)
	checkOpens(t, restored, added)
	checkNoKey(t, restored, hour.ID())
	if got := seal(t, restored, time.Time{}); got.ID() != primary.ID() {
		t.Errorf("the primary key is %v and was %v", got, primary)
	}
	// A process that went on meanwhile does not use what is not there.
	if got := seal(t, k, start); got.ID() == hour.ID() {
		t.Error("sealed under a key that is not in the file")
	}
	checkOpens(t, restored, seal(t, k, start))
	// The backup's own keys stay the same however often the file is written.
	var again bytes.Buffer
	if err := k.Backup(t.Context(), &again); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Errorf("%v, and the backup of the restored file is another", err)
	}
	if err := k.Backup(t.Context(), failing{}); !errors.Is(err, errFailing) {
		t.Errorf("Backup to what fails: %v", err)
	}
}

var errFailing = errors.New("failing")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFailing }

// TestEveryWriteIsSeen changes the file as fast as it goes. It keeps its length, and
// file systems give a new file the number of one just removed, and the same time to
// all within a tick of their clock.
func TestEveryWriteIsSeen(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	a, b := open(t, path, c), open(t, path, c)
	ids := []string{seal(t, a, time.Time{}).ID()}
	id, err := a.Add(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ids = append(ids, id)
	for i := range 20 {
		// Two writes between two looks bring the numbers round.
		for _, id := range []string{ids[0], ids[1], ids[i%2]} {
			if err := a.Promote(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		if got := seal(t, b, time.Time{}); got.ID() != ids[i%2] {
			t.Fatalf("round %d: %v; want %s", i, got, ids[i%2])
		}
	}
	// So the time of change ascends, also where the clock does not.
	later := start.AddDate(100, 0, 0)
	if err := os.Chtimes(path, time.Time{}, later); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := a.Add(t.Context()); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || !info.ModTime().After(later) {
			t.Fatalf("changed at %v, %v; the file before at %v", info.ModTime(), err, later)
		}
		later = info.ModTime()
	}
}
