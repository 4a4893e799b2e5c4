package cli_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
)

func ExampleEnv_Progress() {
	env := &cli.Env{Stderr: os.Stdout, Now: time.Now}
	progress := env.Progress("importing", 2)
	progress.Note(nil, "rejected: line 1: no name")
	progress.Set(2)
	progress.End()
	// Output:
	// rejected: line 1: no name
	// importing: 2 of 2
}

// TestLines: a line at the end, and every few seconds, with the rate and the time that is left.
func TestLines(t *testing.T) {
	for _, json := range []bool{false, true} {
		var out strings.Builder
		now := clock.At(time.Now())
		p := (&cli.Env{Stderr: &out, Now: now.Now, JSON: json}).Progress("copying", 0)
		p.Set(1)
		now.Advance(5 * time.Second)
		p.Set(10)
		p.Set(11)
		now.Advance(5 * time.Second)
		p.SetOf(20, 100)
		p.Note(map[string]int{"line": 7}, "line 7\x1b[1m")
		p.Set(21)
		p.End()
		p.Note("last", "last")
		want := "copying: 10, 2/s\ncopying: 20 of 100, 2/s, 40s left\nline 7\ufffd[1m\ncopying: 21 of 100, 2/s, 38s left\nlast\n"
		if json {
			want = `{"progress":"copying","done":10,"per_second":2}` + "\n" +
				`{"progress":"copying","done":20,"total":100,"per_second":2,"seconds_left":40}` + "\n" +
				`{"line":7}` + "\n" +
				`{"progress":"copying","done":21,"total":100,"per_second":2.1,"seconds_left":37.62}` + "\n" +
				`"last"` + "\n"
		}
		if got := regexp.MustCompile(`37\.6\d+`).ReplaceAllString(out.String(), "37.62"); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
}

// TestBar: on a terminal there is a bar, which ends as far as the work has come. Lines are above
// it.
func TestBar(t *testing.T) {
	for done, want := range map[int64]string{7: "---] 7 of 10, 1/s, 3s left\n", 10: "===] 10 of 10, 1/s\n"} {
		var out strings.Builder
		now := clock.At(time.Now())
		p := (&cli.Env{Stderr: &out, Now: now.Now, Terminal: true}).Progress("copying", 0)
		p.SetOf(1, 5)
		p.SetOf(5, 5) // an estimate: it is not the end
		now.Advance(time.Duration(done) * time.Second)
		p.SetOf(done, 10)
		p.Note(nil, "a line")
		p.End()
		p.Note(nil, "another line")
		got := out.String()
		if !strings.Contains(got, "copying [") || !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		if !strings.Contains(got, "a line\n") || !strings.HasSuffix(got, "another line\n") {
			t.Errorf("%q", got)
		}
	}
}

// TestUnknownTotal: a bar without a total shows what is done, and ends.
func TestUnknownTotal(t *testing.T) {
	for _, done := range []int64{0, 7} {
		var out strings.Builder
		p := (&cli.Env{Stderr: &out, Now: time.Now, Terminal: true}).Progress("exporting", 0)
		p.Set(done)
		p.End()
		if got := out.String(); !strings.Contains(got, fmt.Sprintf("] %d\n", done)) || strings.Contains(got, " of ") {
			t.Errorf("%q", got)
		}
	}
}

// TestProgressAtOnce is for the race detector.
func TestProgressAtOnce(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		var out strings.Builder
		p := (&cli.Env{Stderr: &out, Now: time.Now, Terminal: terminal}).Progress("copying", 1000)
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for n := range 100 {
					p.SetOf(int64(i*100+n), 1000+int64(n))
					p.Note(n, "a line")
				}
			})
		}
		all.Wait()
		p.End()
		if n := strings.Count(out.String(), "a line"); n != 800 {
			t.Errorf("%d lines", n)
		}
	}
}
