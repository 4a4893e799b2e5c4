//go:build unix && !aix && !solaris

package keyfile_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/internal/testing/size"
)

// The test binary starts itself again with its role and the path in these variables.
const (
	roleVariable = "ROLLBOOK_KEYFILE_TEST_ROLE"
	pathVariable = "ROLLBOOK_KEYFILE_TEST_PATH"
)

func TestMain(m *testing.M) {
	var err error
	switch path := os.Getenv(pathVariable); os.Getenv(roleVariable) {
	case "serve":
		err = serve(path, os.Stdin, os.Stdout)
	case "write":
		err = writeUntilKilled(path, os.Stdin, os.Stdout)
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// process is a test binary in another role.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startProcess(t *testing.T, role, path string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, pathVariable+"="+path)
	cmd.Stderr = os.Stderr
	in := must(cmd.StdinPipe())(t)
	out := must(cmd.StdoutPipe())(t)
	ok(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // if the test failed before it ended
		_ = cmd.Wait()
	})
	return &process{cmd, in, bufio.NewScanner(out)}
}

// callers is how many goroutines of a process ask for a key at once, half of them
// through a second Keyring.
const callers = 16

// serve answers each line once for each caller: "seal" and a time with the key of that
// time, "open" and an ID with that key.
func serve(path string, in io.Reader, out io.Writer) error {
	c := newClock()
	var rings [2]*keyfile.Keyring
	for i := range rings {
		var err error
		if rings[i], err = keyfile.Open(context.Background(), path, &keyfile.Options{Now: c.Now}); err != nil {
			return err
		}
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		what, word, _ := strings.Cut(lines.Text(), " ")
		ask := func(k *keyfile.Keyring) (enduser.Key, error) { return k.OpeningKey(context.Background(), word) }
		if what == "seal" {
			now, err := time.Parse(time.RFC3339, word)
			if err != nil {
				return err
			}
			c.Set(now)
			ask = func(k *keyfile.Keyring) (enduser.Key, error) {
				return k.SealingKey(context.Background(), now.Add(day))
			}
		}
		var wg sync.WaitGroup
		var answers [callers]string
		var errs [callers]error
		for i := range callers {
			wg.Go(func() {
				key, err := ask(rings[i%2])
				if errs[i] = err; err == nil {
					answers[i] = key.ID() + " " + sumOf(key)
				}
			})
		}
		wg.Wait()
		if err := errors.Join(errs[:]...); err != nil {
			return err
		}
		fmt.Fprintln(out, strings.Join(answers[:], "\n"))
	}
	return nil
}

// Of 4 processes with 16 goroutines each, which need the key of an hour at once, all get
// the same key, and each opens the keys of the others.
func TestProcesses(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	var processes [4]*process
	for i := range processes {
		processes[i] = startProcess(t, "serve", path)
	}
	// ask asks all processes at once, and returns the one answer.
	ask := func(question string) string {
		for _, p := range processes {
			must(fmt.Fprintln(p.in, question))(t)
		}
		answers := make(map[string]int)
		for i, p := range processes {
			for range callers {
				if !p.out.Scan() {
					t.Fatalf("%s: process %d ended", question, i)
				}
				answers[p.out.Text()]++
			}
		}
		if len(answers) != 1 {
			t.Fatalf("%s: different answers: %v", question, answers)
		}
		for answer := range answers {
			return answer
		}
		return ""
	}
	var made []string
	for hour := range size.Pick(t, 5, 20, 100) {
		answer := ask("seal " + start.Add(time.Duration(hour)*time.Hour).Format(time.RFC3339))
		made = append(made, answer)
	}
	for _, answer := range made {
		id, _, _ := strings.Cut(answer, " ")
		if got := ask("open " + id); got != answer {
			t.Errorf("made as %s, opened as %s", answer, got)
		}
	}
	c := newClock()
	if n := len(keys(t, open(t, path, c))); n != 1+len(made) {
		t.Errorf("%d keys in the file; want one for each of %d hours and the primary one", n, len(made))
	}
	for i, p := range processes {
		if err := errors.Join(p.in.Close(), p.cmd.Wait()); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
	}
}

// writeUntilKilled makes keys, hour by hour from the time that it reads, and prints them.
// Each line is one system call, so that the parent sees whole lines.
func writeUntilKilled(path string, in io.Reader, out io.Writer) error {
	var from int64
	if _, err := fmt.Fscan(in, &from); err != nil {
		return err
	}
	c := clock.At(time.Unix(from, 0))
	ctx := context.Background()
	k, err := keyfile.Open(ctx, path, &keyfile.Options{Now: c.Now})
	if err != nil {
		return err
	}
	for range 5000 { // if nobody kills it
		c.Advance(time.Hour)
		key, err := k.SealingKey(ctx, c.Now().Add(day))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s %s %d\n", key.ID(), sumOf(key), c.Now().Unix())
		id, err := k.Add(ctx)
		if err != nil {
			return err
		}
		if key, err = k.OpeningKey(ctx, id); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s %s %d\n", key.ID(), sumOf(key), c.Now().Unix())
		if old, err := k.SealingKey(ctx, time.Time{}); err != nil {
			return err
		} else if err := k.Promote(ctx, id); err != nil {
			return err
		} else if err := k.Retire(ctx, old.ID()); err != nil {
			return err
		}
	}
	return errors.New("nobody killed the writer")
}

// A process that makes and destroys keys is killed again and again: the file is always
// whole, and has every key that was returned and has not expired.
func TestKill(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	now, caught := start, 0
	acknowledged := make(map[string]bool)
	for cycle := range size.Pick(t, 5, 30, 300) {
		acks := killWriter(t, path, now, 1+rand.IntN(20))
		last := acks[len(acks)-1]
		now = last.at.Add(time.Hour) // the hour that it may have gone on to
		if _, err := os.Lstat(path + ".tmp"); err == nil {
			caught++
		}
		k := open(t, path, clock.At(now))
		primary := seal(t, k, time.Time{})
		durable := "" // the last one that was returned; those before may be retired
		for _, a := range acks {
			acknowledged[a.id] = true
			if strings.HasPrefix(a.id, "k-") {
				durable = a.id
			}
		}
		for _, a := range acks {
			over := now.Sub(a.at.Truncate(time.Hour)) >= 25*time.Hour
			if a.id != durable && (strings.HasPrefix(a.id, "k-") || over) {
				continue
			}
			key, err := k.OpeningKey(t.Context(), a.id)
			// The last one may be retired too, if the writer was killed before it printed the
			// next one.
			retired := a.id == durable && !acknowledged[primary.ID()] && errors.Is(err, enduser.ErrNoKey)
			if !retired && (err != nil || sumOf(key) != a.sum) {
				t.Errorf("cycle %d: %s was returned and is lost: %v", cycle, a.id, err)
			}
		}
		if _, err := os.Lstat(path + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("cycle %d: remains after Open: %v", cycle, err)
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d keys, %d writers killed with a file half written", len(acknowledged), caught)
}

type ack struct {
	id, sum string
	at      time.Time
}

// killWriter returns what a writer printed before it was killed.
func killWriter(t *testing.T, path string, from time.Time, enough int) (acks []ack) {
	t.Helper()
	p := startProcess(t, "write", path)
	fmt.Fprintln(p.in, from.Unix())
	for p.out.Scan() {
		var a ack
		var at int64
		if _, err := fmt.Sscanf(p.out.Text(), "%s %s %d", &a.id, &a.sum, &at); err != nil {
			t.Fatalf("%q: %v", p.out.Text(), err)
		}
		a.at = time.Unix(at, 0)
		if acks = append(acks, a); len(acks) == enough {
			wait := time.NewTimer(time.Duration(rand.IntN(2000)) * time.Microsecond)
			<-wait.C // so that it is killed anywhere
			ok(t, p.cmd.Process.Kill())
		}
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the writer was not killed but ended: %v", err)
	}
	return acks
}
