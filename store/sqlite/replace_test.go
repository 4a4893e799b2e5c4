package sqlite_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// TestReplaceSequences removes and replaces the files of a database under two processes
// that write to it, kills them and starts them again, in random sequences. No write
// succeeds while the file at the path is another, no acknowledged write is missing, and a
// database is what it was, or the copy that replaced it, never a mix of both.
func TestReplaceSequences(t *testing.T) {
	t.Parallel()
	sequences := size.Pick(t, 5, 30, 1000)
	total := make(map[string]int)
	missing := func() string {
		for _, what := range []string{"written", "refused", "stale log", "checked"} {
			if total[what] == 0 {
				return what
			}
		}
		return ""
	}
	// A few sequences may leave out by chance what the test is about: then some more.
	done := 0
	for ; done < sequences || missing() != "" && done < sequences+60; done++ {
		seed := rand.Uint64()
		q := &sequence{t: t, dir: t.TempDir(), rng: rand.New(rand.NewPCG(seed, 0)), did: total}
		q.path = filepath.Join(q.dir, "users.db")
		q.runLogged(seed)
		if t.Failed() {
			return
		}
		must(t, os.RemoveAll(q.dir))
	}
	t.Logf("%d sequences: %v", done, total)
	if what := missing(); what != "" {
		t.Errorf("nothing was ever %s", what)
	}
}

// content is a possible content of a database: users whose writes were acknowledged, and
// those whose outcome is unknown.
type content struct{ must, may map[string]bool }

func (c content) clone() content { return content{maps.Clone(c.must), maps.Clone(c.may)} }

func (c content) is(ids map[string]bool) bool {
	for id := range c.must {
		if !ids[id] {
			return false
		}
	}
	for id := range ids {
		if !c.must[id] && !c.may[id] {
			return false
		}
	}
	return true
}

type writerProcess struct {
	process *process
	store   *remote // nil: it could not open the database
	opened  int     // the files at that time
}

// copied is a copy of the database.
type copied struct {
	path    string
	content content
}

type sequence struct {
	t         *testing.T
	rng       *rand.Rand
	dir, path string
	log       []string
	did       map[string]int

	files     int               // counts what was done to them
	contents  []content         // what the database may hold: this or that
	processes [2]*writerProcess // nil: does not run
	copies    []copied
	next      int
}

func (q *sequence) note(format string, args ...any) {
	q.log = append(q.log, fmt.Sprintf(format, args...))
}

// runLogged runs the sequence of a seed, and says what it did if it fails.
func (q *sequence) runLogged(seed uint64) {
	defer func() {
		if q.t.Failed() {
			q.t.Logf("seed %d: %s", seed, strings.Join(q.log, ", "))
		}
	}()
	q.run()
}

func (q *sequence) run() {
	defer q.killAll()
	q.contents = []content{{map[string]bool{}, map[string]bool{}}}
	for i := range q.processes {
		q.start(i)
	}
	q.write(0, 3)
	q.copy()
	q.write(1, 3)
	for range 6 + q.rng.IntN(8) {
		i := q.rng.IntN(2)
		switch q.rng.IntN(10) {
		case 0, 1, 2:
			q.write(i, 1+q.rng.IntN(4))
		case 3:
			q.kill(i)
		case 4, 5:
			q.kill(i)
			q.start(i)
		case 6:
			q.copy()
		case 7:
			q.remove()
		case 8:
			q.move(nil)
		case 9:
			q.restore()
		}
		if q.t.Failed() {
			return
		}
	}
	q.write(0, 1)
	q.write(1, 1)
	q.killAll()
	q.start(0)
	if q.processes[0].store == nil {
		q.restore() // as the error says
	}
	q.write(0, 1)
	q.check(0)
	q.killAll()
	checkFile(q.t, q.path)
}

func (q *sequence) killAll() {
	for i := range q.processes {
		q.kill(i)
	}
}

func (q *sequence) kill(i int) {
	if p := q.processes[i]; p != nil {
		q.note("kill %d", i)
		p.process.kill()
		q.processes[i] = nil
	}
}

func (q *sequence) start(i int) {
	if q.processes[i] != nil {
		return
	}
	p := newProcess(q.t)
	r, err := p.open(q.path)
	q.processes[i] = &writerProcess{process: p}
	q.note("start %d: %v", i, err)
	switch {
	case err == nil:
		q.processes[i].store, q.processes[i].opened = r, q.files
		q.check(i)
	case strings.Contains(err.Error(), sqlite.ErrStaleLog.Error()):
		q.did["stale log"]++
		if q.files == 0 {
			q.t.Errorf("a stale log after nothing but kills: %v", err)
		}
	default:
		q.t.Errorf("start: %v", err)
	}
}

// write creates users through one of the processes.
func (q *sequence) write(i, n int) {
	p := q.processes[i]
	if p == nil || p.store == nil {
		return
	}
	current := p.opened == q.files
	q.note("write %d (%v)", i, current)
	for range n {
		q.next++
		id := fmt.Sprint("u", q.next)
		u := user(id, id)
		u.Data = make([]byte, q.rng.IntN(3000))
		_, err := p.store.Apply(q.t.Context(), "t", store.Ops(store.Create(u, []byte(id))))
		switch {
		case err == nil && !current:
			q.t.Errorf("%s was acknowledged by process %d, whose file is not the one at the path", id, i)
		case err == nil:
			q.did["written"]++
			for _, c := range q.contents {
				c.must[id] = true
			}
		case current:
			q.t.Errorf("%s by process %d: %v", id, i, err)
		case !errors.Is(err, store.ErrUnknown) && !errors.Is(err, store.ErrUnavailable):
			q.t.Errorf("%s by process %d: %v", id, i, err)
		default:
			q.did["refused"]++
		}
	}
}

// check compares what a process that has the current file shows with what may be there.
func (q *sequence) check(i int) {
	p := q.processes[i]
	if p == nil || p.store == nil || p.opened != q.files {
		return
	}
	ids := make(map[string]bool)
	for _, id := range users(q.t, p.store) {
		ids[id] = true
	}
	for _, c := range q.contents {
		if c.is(ids) {
			q.contents = []content{c}
			q.did["checked"]++
			return
		}
	}
	q.t.Errorf("the database has %v, want one of %v", slices.Sorted(maps.Keys(ids)), q.contents)
}

// copy makes a copy through a process that has the current file: as the documentation
// says, or page by page with SQLite's backup API.
func (q *sequence) copy() {
	for _, p := range q.processes {
		if p == nil || p.store == nil || p.opened != q.files {
			continue
		}
		to := filepath.Join(q.dir, fmt.Sprint("copy", len(q.copies), ".db"))
		if q.rng.IntN(2) == 0 {
			vacuumInto(q.t, q.path, to)
			q.note("copy by VACUUM")
		} else {
			restore(q.t, to, q.path)
			q.note("copy by pages")
		}
		q.copies = append(q.copies, copied{to, q.contents[0].clone()})
		return
	}
}

// changed says that the files are not those that the processes have open.
func (q *sequence) changed(may ...content) {
	q.files++
	q.contents = may
}

// remove removes some of the files.
func (q *sequence) remove() {
	all := []string{q.path, q.path + "-wal", q.path + "-shm"}
	some := [][]string{all, all[:1], all[1:2], all[2:]}[q.rng.IntN(4)]
	removed := 0
	before := q.contents
	for _, name := range some {
		switch err := os.Remove(name); {
		case err == nil:
			removed++
			if strings.HasSuffix(name, "-wal") {
				before = withoutLog(before)
			}
			q.note("rm %s", filepath.Base(name))
		case !errors.Is(err, fs.ErrNotExist):
			q.t.Error(err)
		}
	}
	if removed == 0 {
		return
	}
	empty := content{map[string]bool{}, map[string]bool{}}
	if some[0] == q.path {
		q.changed(append(slices.Clone(before), empty)...)
	} else {
		q.changed(before...)
	}
}

// withoutLog returns the contents that may be left when the log was removed.
func withoutLog(contents []content) (left []content) {
	for _, c := range contents {
		may := maps.Clone(c.may)
		maps.Copy(may, c.must)
		left = append(left, content{map[string]bool{}, may})
	}
	return left
}

// move moves a copy over the database and leaves, or removes, what is beside it.
func (q *sequence) move(beside []string) {
	if len(q.copies) == 0 {
		return
	}
	c := q.copies[q.rng.IntN(len(q.copies))]
	from := filepath.Join(q.dir, "moved.db")
	data, err := os.ReadFile(c.path)
	if err == nil {
		err = os.WriteFile(from, data, 0o600)
	}
	for _, name := range beside {
		if e := os.Remove(name); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = e
		}
	}
	if err == nil {
		err = os.Rename(from, q.path)
	}
	if err != nil {
		q.t.Error(err)
	}
	q.note("mv %s, removing %d", filepath.Base(c.path), len(beside))
	if beside != nil {
		q.changed(c.content.clone())
	} else {
		q.changed(append(slices.Clone(q.contents), c.content.clone())...)
	}
}

// restore does what the package documentation says.
func (q *sequence) restore() {
	q.killAll()
	q.move([]string{q.path + "-wal", q.path + "-shm"})
	for i := range q.processes {
		q.start(i)
		if q.processes[i].store == nil {
			q.t.Errorf("after a restore: process %d cannot open the database", i)
		}
	}
}
