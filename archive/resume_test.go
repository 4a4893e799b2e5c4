package archive_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/archive"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// jobVariable has the job of a process that the test binary starts.
const jobVariable = "ROLLBOOK_ARCHIVE_TEST_JOB"

// job is an import into SQLite. The process says which line was answered last, and goes on when
// it is told to.
type job struct {
	Database, Archive, Rejected string
	After                       int
	Now                         int64 // milliseconds
}

func runJob(text string) {
	var j job
	err := json.Unmarshal([]byte(text), &j)
	if err == nil {
		err = j.run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "process:", err)
		os.Exit(1)
	}
}

func (j job) run(ctx context.Context) error {
	st, err := sqlite.Open(ctx, j.Database, &sqlite.Options{Sync: sqlite.Normal})
	if err != nil {
		return err
	}
	in, err := os.Open(j.Archive)
	if err != nil {
		return err
	}
	rejected, err := os.OpenFile(j.Rejected, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	said := bufio.NewReader(os.Stdin)
	_, err = archive.Import(ctx, manager(st, j.Now), in, &archive.ImportOptions{
		After: j.After, Rejected: rejected,
		Progress: func(r archive.ImportResult) {
			_, _ = fmt.Fprintln(os.Stdout, r.Line)
			_, _ = said.ReadByte()
		},
	})
	return errors.Join(err, in.Close(), rejected.Close(), st.Close())
}

// killed runs an import in a process that is killed, by SIGKILL, after so many answers, with the
// writes of many rows on their way. It returns the last line that was answered.
func (j job) killed(t *testing.T, answers int) int {
	t.Helper()
	text, err := json.Marshal(j)
	must(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), jobVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line := j.After
	for n, lines := 0, bufio.NewScanner(out); n < answers && lines.Scan(); n++ {
		line, err = strconv.Atoi(lines.Text())
		must(t, err)
		_, err = in.Write([]byte("."))
		must(t, err)
	}
	must(t, cmd.Process.Kill())
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the process was not killed but ended: %v", err)
	}
	return line
}

// An import that is killed twice, at any row, and taken up has every row once, and every rejected
// row in the part.
func TestKilled(t *testing.T) {
	const users = 400
	from := inMemory(t)
	fill(t, from)
	for i := range users {
		_, err := from.Tenant("acme").Create(t.Context(), enduser.Spec{ExternalID: fmt.Sprint("more ", i), Accounts: []enduser.Account{{Type: "x", ID: fmt.Sprint(i)}}})
		must(t, err)
	}
	text := from.export(t, &archive.ExportOptions{Sealed: true})
	bad := strings.Count(text, `"more 17"`) + strings.Count(text, `"email":"u5@example.com"`)
	broken := strings.Replace(strings.ReplaceAll(text, `"email":"u5@example.com"`, `"email":"u5"`), `"more 17"`, `17`, 1)
	for seed := range size.Pick(t, 2, 8, 40) {
		random := rand.New(rand.NewPCG(uint64(seed), 1))
		dir := t.TempDir()
		j := job{filepath.Join(dir, "users.db"), filepath.Join(dir, "archive.ndjson"), filepath.Join(dir, "rejected.ndjson"), 0, from.Clock.Now().UnixMilli()}
		must(t, os.WriteFile(j.Archive, []byte(broken), 0o600))
		for range 2 {
			j.After = j.killed(t, 1+random.IntN((users+85)/2-1))
		}
		must(t, withoutStdin(t, j))

		part, err := os.ReadFile(j.Rejected)
		must(t, err)
		if lines := rejections(string(part)); len(lines) != bad+5 { // and the values of five
			t.Errorf("seed %d: %d lines were rejected, want %d", seed, len(lines), bad+5)
		}
		st, err := sqlite.Open(t.Context(), j.Database, nil)
		must(t, err)
		corrected := strings.ReplaceAll(strings.ReplaceAll(string(part), `"external_id":17`, `"external_id":"more 17"`), `"email":"u5"`, `"email":"u5@example.com"`)
		m := manager(st, j.Now)
		got, err := archive.Import(t.Context(), m, strings.NewReader(corrected), nil)
		must(t, err)
		if got.Created != bad || got.Updated != 5 {
			t.Errorf("seed %d: of the %d rejected rows: %+v", seed, bad, got)
		}
		var out bytes.Buffer
		_, err = archive.Export(t.Context(), m, &out, &archive.ExportOptions{Sealed: true})
		must(t, err)
		if diff := cmp.Diff(rows(text), rows(out.String())); diff != "" {
			t.Errorf("seed %d: %s", seed, diff)
		}
		must(t, st.Close())
	}
}

// withoutStdin runs a job in this process to its end.
func withoutStdin(t *testing.T, j job) error {
	t.Helper()
	st, err := sqlite.Open(t.Context(), j.Database, nil)
	must(t, err)
	in, err := os.Open(j.Archive)
	must(t, err)
	rejected, err := os.OpenFile(j.Rejected, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	must(t, err)
	_, err = archive.Import(t.Context(), manager(st, j.Now), in, &archive.ImportOptions{After: j.After, Rejected: rejected})
	return errors.Join(err, in.Close(), rejected.Close(), st.Close())
}

// rejections returns the lines that a part says were rejected, each once.
func rejections(part string) map[int]bool {
	lines := make(map[int]bool)
	for line := range strings.Lines(part) {
		var row struct {
			Type string
			Line int
		}
		if json.Unmarshal([]byte(line), &row) == nil && row.Type == "rejected" {
			lines[row.Line] = true
		}
	}
	return lines
}

// A store that fails at any write ends the import, whether that write was done or not. Taken up
// behind the line that was answered last, or from the start, it comes to the same.
func TestStoreFails(t *testing.T) {
	from := inMemory(t)
	fill(t, from)
	text := from.export(t, &archive.ExportOptions{Sealed: true})
	for at := int64(1); ; at++ {
		failed := false
		for way := range 4 {
			st := &faultstore.Store{Store: memory.New(nil)}
			fail := func(err error) func(int64, []store.Op) error {
				return func(n int64, _ []store.Op) error {
					if n != at {
						return nil
					}
					failed = true
					return err
				}
			}
			want := enduser.ErrUnknown
			if way%2 == 0 {
				st.OnApply, want = fail(store.ErrUnavailable), enduser.ErrUnavailable
			} else {
				st.OnApplied = fail(store.ErrUnknown)
			}
			w := on(t, st).like(from)
			first, err := archive.Import(t.Context(), w.Manager, strings.NewReader(text), nil)
			if !failed {
				must(t, err)
				return // all writes have failed once
			}
			if !errors.Is(err, want) {
				t.Fatalf("write %d: %v", at, err)
			}
			if way < 2 {
				first.Line = 0
			}
			resumed(t, w, text, first.Line)
		}
	}
}

// The same if the context ends after any answer.
func TestCanceled(t *testing.T) {
	from := inMemory(t)
	fill(t, from)
	text := from.export(t, &archive.ExportOptions{Sealed: true})
	for at := range 84 {
		w := inMemory(t).like(from)
		ctx, cancel := context.WithCancel(t.Context())
		answers := 0
		first, err := archive.Import(ctx, w.Manager, strings.NewReader(text), &archive.ImportOptions{Progress: func(archive.ImportResult) {
			if answers++; answers > at {
				cancel()
			}
		}})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("after %d answers: %+v, %v", at+1, first, err)
		}
		resumed(t, w, text, first.Line)
		if _, err := archive.Export(ctx, w.Manager, io.Discard, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("Export: %v", err)
		}
	}
}

// resumed takes up an import behind a line, and checks that all is there.
func resumed(t *testing.T, w *world, text string, line int) {
	t.Helper()
	got, err := archive.Import(t.Context(), w.Manager, strings.NewReader(text), &archive.ImportOptions{After: line})
	must(t, err)
	if answered := got.Created + got.Updated + got.Unchanged; got.Line != 87 || answered != 86-max(line, 1) {
		t.Errorf("behind line %d: %+v", line, got)
	}
	if diff := cmp.Diff(rows(text), rows(w.export(t, &archive.ExportOptions{Sealed: true}))); diff != "" {
		t.Fatal(diff)
	}
}
