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
	id := must(a.Add(t.Context()))(t)
	seals(t, b, time.Time{}, first)
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
		ok(t, a.Promote(t.Context(), id))
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
	ok(t, b.Retire(t.Context(), first.ID()))
	if bytes.Contains(load(t, path), []byte(secret)) {
		t.Error("the retired key is in the file")
	}
	checkNoKey(t, b, first.ID())
	seal(t, a, time.Time{}) // looks at the file
	checkNoKey(t, a, first.ID())
	wantErr(t, "retired twice", b.Retire(t.Context(), first.ID()), enduser.ErrNoKey)
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
	id := must(k.Add(t.Context()))(t)
	var b bytes.Buffer
	ok(t, k.Backup(t.Context(), &b))
	if bytes.Contains(b.Bytes(), []byte(base64.RawStdEncoding.EncodeToString(secretOf(hour)))) {
		t.Error("an epoch key is in the backup")
	}
	added := must(k.OpeningKey(t.Context(), id))(t)
	ok(t, os.Remove(path))
	save(t, path, b.Bytes())
	restored := open(t, path, c)
	checkOpens(t, restored, primary)
	checkOpens(t, restored, added)
	checkNoKey(t, restored, hour.ID())
	seals(t, restored, time.Time{}, primary)
	// A process that went on meanwhile does not use a key that the file lacks.
	if got := seal(t, k, start); got.ID() == hour.ID() {
		t.Error("sealed under a key that is not in the file")
	}
	checkOpens(t, restored, seal(t, k, start))
	// The backup's own keys stay the same however often the file is written.
	var again bytes.Buffer
	if err := k.Backup(t.Context(), &again); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Errorf("%v, and the backup of the restored file is another", err)
	}
	wantErr(t, "Backup to what fails", k.Backup(t.Context(), failing{}), errFailing)
}

var errFailing = errors.New("failing")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFailing }

// Other Keyrings notice each of many fast writes. The file keeps its length, and file
// systems give a new file the number of one just removed, and the same time to all files
// within a tick of their clock.
func TestEveryWriteIsSeen(t *testing.T) {
	t.Parallel()
	path, c := newPath(t), newClock()
	a, b := open(t, path, c), open(t, path, c)
	ids := []string{seal(t, a, time.Time{}).ID()}
	id := must(a.Add(t.Context()))(t)
	ids = append(ids, id)
	for i := range 20 {
		// Two writes between two looks bring the numbers round.
		for _, id := range []string{ids[0], ids[1], ids[i%2]} {
			ok(t, a.Promote(t.Context(), id))
		}
		if got := seal(t, b, time.Time{}); got.ID() != ids[i%2] {
			t.Fatalf("round %d: %v; want %s", i, got, ids[i%2])
		}
	}
	// So the time of change ascends, even if the clock does not.
	later := start.AddDate(100, 0, 0)
	ok(t, os.Chtimes(path, time.Time{}, later))
	for range 5 {
		must(a.Add(t.Context()))(t)
		info, err := os.Stat(path)
		if err != nil || !info.ModTime().After(later) {
			t.Fatalf("changed at %v, %v; the file before at %v", info.ModTime(), err, later)
		}
		later = info.ModTime()
	}
}
