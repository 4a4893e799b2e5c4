package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// moved runs the program as a process in a folder, to its end.
func moved(t *testing.T, dir string, stdin io.Reader, args ...string) (status int, stdout string) {
	t.Helper()
	var out, log bytes.Buffer
	p := process(dir, args...)
	p.Stdin, p.Stdout, p.Stderr = stdin, &out, &log
	err := p.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Logf("%s: %s", strings.Join(args, " "), &log)
		return exit.ExitCode(), out.String()
	}
	if err != nil {
		t.Fatal(err)
	}
	return cli.OK, out.String()
}

// tableOf returns a CSV file of users.
func tableOf(rows int) string {
	var b strings.Builder
	b.WriteString("external_id,name\n")
	for i := range rows {
		fmt.Fprintf(&b, "crm-%d,Ann\n", i)
	}
	return b.String()
}

// countIn returns how many users a store has; 0 while there is no store.
func countIn(t *testing.T, path string) int {
	t.Helper()
	if files, err := filepath.Glob(path); err != nil || len(files) == 0 {
		return 0
	}
	st, err := sqlite.Open(t.Context(), path, nil)
	if err != nil {
		return 0 // it is being made
	}
	defer st.Close()
	n, err := enduser.New(st, nil).Tenant("acme").Count(t.Context(), enduser.Query{})
	if err != nil {
		t.Fatal(err)
	}
	return n.N
}

// TestKilledImport: an import that is killed is taken up by the same command.
func TestKilledImport(t *testing.T) {
	t.Parallel()
	const rows = 3000
	text, dir := tableOf(rows), t.TempDir()
	args := []string{"import", "-json", "-tenant", "acme", "-format", "csv"}
	p := process(dir, args...)
	stdin, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(stdin, text[:len(text)/2]); err != nil { // the rest never comes
		t.Fatal(err)
	}
	redistest.Until(t, "some users are written", func() bool { return countIn(t, filepath.Join(dir, "rollbook.db")) > 0 })
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); !isKilled(err) {
		t.Fatal(err)
	}
	written := countIn(t, filepath.Join(dir, "rollbook.db"))
	status, result := moved(t, dir, strings.NewReader(text), args...)
	want := fmt.Sprintf(`{"created":%d,"updated":0,"unchanged":%d,"rejected":0,"expired":0,"skipped":0}`+"\n", rows-written, written)
	if status != cli.OK || result != want || written == rows {
		t.Errorf("status %d, %s, want %s", status, result, want)
	}
	if n := countIn(t, filepath.Join(dir, "rollbook.db")); n != rows {
		t.Errorf("%d users", n)
	}
}

// TestKilledCopy: a copy that is killed again and again comes to its end, and leaves a store that
// is whole.
func TestKilledCopy(t *testing.T) {
	t.Parallel()
	rows := size.Pick(t, 5_000, 20_000, 100_000)
	dir := t.TempDir()
	if status, _ := moved(t, dir, strings.NewReader(tableOf(rows)), "import", "-tenant", "acme", "-format", "csv"); status != cli.OK {
		t.Fatal(status)
	}
	kills := 0
	for step := rows / 4; ; step += rows / 4 {
		p := process(dir, "copy", "-from", "sqlite:rollbook.db", "-to", "sqlite:copy.db")
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- p.Wait() }()
		err, isEnded := error(nil), false
		redistest.Until(t, "the copy has some users, or has ended", func() bool {
			select {
			case err = <-ended:
				isEnded = true
			default:
			}
			return isEnded || countIn(t, filepath.Join(dir, "copy.db")) >= step
		})
		if !isEnded {
			_ = p.Process.Kill() // it may just have ended
			err = <-ended
		}
		if err == nil {
			break
		}
		if !isKilled(err) {
			t.Fatal(err)
		}
		kills++
	}
	t.Logf("killed %d times", kills)
	_, want := moved(t, dir, nil, "export", "-all")
	status, got := moved(t, dir, nil, "export", "-all", "-store", "sqlite:copy.db")
	if status != cli.OK || got != want || strings.Count(got, "\n") != rows+2 {
		t.Errorf("status %d, %d bytes, want %d", status, len(got), len(want))
	}
	if status, found := moved(t, dir, nil, "verify", "-store", "sqlite:copy.db"); status != cli.OK {
		t.Errorf("status %d\n%s", status, found)
	}
}

// TestEndedCommand: a command that a signal ends has the status that a shell gives it, and a
// second signal is not needed, even if the command waits for input.
func TestEndedCommand(t *testing.T) {
	t.Parallel()
	for _, by := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		dir := t.TempDir()
		p := process(dir, "import", "-tenant", "acme", "-format", "csv")
		stdin, err := p.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(stdin, tableOf(10_000)); err != nil { // more than a pipe takes: it reads
			t.Fatal(err)
		}
		if err := p.Process.Signal(by); err != nil {
			t.Fatal(err)
		}
		err = p.Wait()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 128+int(by) {
			t.Errorf("%v: %v, want %s", by, err, strconv.Itoa(128+int(by)))
		}
		_ = stdin.Close()
	}
}
