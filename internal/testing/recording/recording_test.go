//go:build unix

package recording_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/internal/testing/recording"
)

// run runs a page in a shell of its own.
func run(t *testing.T, page string, opts recording.Options) (wrong []recording.Mismatch, right string) {
	t.Helper()
	wrong, right, err := recording.Parse(page).Run(recording.Start(t, t.TempDir(), t.TempDir(), "GREETING=hello"), opts)
	if err != nil {
		t.Fatal(err)
	}
	return wrong, right
}

func session(lines ...string) string {
	return "# Title\n\n```console\n" + strings.Join(lines, "\n") + "\n```\n\nText.\n"
}

func TestRight(t *testing.T) {
	for name, page := range map[string]string{
		"no output":      session("$ true"),
		"output":         session("$ echo a; echo b >&2", "a", "b"),
		"without an end": session("$ printf a", "a"),
		"an empty line":  session("$ printf 'a\\n\\n'", "a", ""),
		"several lines":  session("$ echo a \\", ">   b", "a b"),
		"a prompt":       session("$ echo a; echo '> b'", "a", "> b"),
		"a status":       session("$ (exit 4)", "(exit status 4)", "$ echo $?", "4"),
		"variables":      session("$ x=5", "$ echo $x $GREETING", "5 hello"),
		"the folder":     session("$ echo a > f", "$ cat f", "a"),
		"no input":       session("$ cat"),
		"background":     session("$ (echo a; echo b; exec sleep 60) &", "a", "b"),
		"other blocks":   "```sh\n$ exit 1\n```\n" + session("$ echo a", "a") + session("$ echo b", "b"),
		"a time":         session("$ echo at 2026-01-02T03:04:05.678Z", "at 2020-01-01T00:00:00Z"),
		"columns":        session("$ echo 'A    B'", "A  B"),
		"an ID":          session("$ echo 0123456789abcdef01234567", "aaaaaaaaaaaaaaaaaaaaaaaa"),
		"an argument": session("$ echo 0123456789abcdef01234567", "aaaaaaaaaaaaaaaaaaaaaaaa",
			"$ echo aaaaaaaaaaaaaaaaaaaaaaaa | tr 0-9 X", "XXXXXXXXXXabcdefXXXXXXXX"),
	} {
		t.Run(name, func(t *testing.T) {
			wrong, right := run(t, page, recording.Options{})
			if len(wrong) > 0 || right != page {
				t.Errorf("wrong: %v; right would be\n%s", wrong, right)
			}
		})
	}
}

func TestWrong(t *testing.T) {
	const one, other = "0123456789abcdef01234567", "00000000000000000000000f"
	for name, test := range map[string]struct{ page, right string }{
		"output":      {session("$ echo a", "b"), session("$ echo a", "a")},
		"too little":  {session("$ echo a; echo b", "a"), session("$ echo a; echo b", "a", "b")},
		"too much":    {session("$ echo a", "a", "b"), session("$ echo a", "a")},
		"a failure":   {session("$ false"), session("$ false", "(exit status 1)")},
		"no failure":  {session("$ true", "(exit status 1)"), session("$ true")},
		"another ID":  {session("$ echo "+one+" "+other, one+" "+one), session("$ echo "+one+" "+other, one+" "+other)},
		"the same ID": {session("$ echo "+one+" "+one, one+" "+other), session("$ echo "+one+" "+one, one+" "+one)},
	} {
		t.Run(name, func(t *testing.T) {
			wrong, right := run(t, test.page, recording.Options{})
			if len(wrong) != 1 || wrong[0].Line != 4 {
				t.Errorf("wrong: %v; want line 4", wrong)
			}
			if diff := cmp.Diff(test.right, right); diff != "" {
				t.Errorf("the right page: (-want +got)\n%s", diff)
			}
		})
	}
}

func TestReplace(t *testing.T) {
	page := session("$ echo :8080", ":8080", "$ echo :8080 | tr 0-9 X; echo :8080x", ":XXXXX", ":8080y")
	wrong, right := run(t, page, recording.Options{Replace: map[string]string{":8080": ":12345"}})
	if len(wrong) != 1 || right != strings.Replace(page, "8080y", "8080x", 1) {
		t.Errorf("wrong: %v; the right page\n%s", wrong, right)
	}
}

func TestClean(t *testing.T) {
	wrong, _ := run(t, session("$ echo 10 %; echo 20 %; echo done", "done"), recording.Options{
		Clean: func(output string) string { return output[strings.LastIndex(output, "%\n")+2:] },
	})
	if len(wrong) > 0 {
		t.Errorf("wrong: %v", wrong)
	}
}

// TestEnd: a shell that ends on the way is an error.
func TestEnd(t *testing.T) {
	_, _, err := recording.Parse(session("$ exit 3")).Run(recording.Start(t, t.TempDir(), t.TempDir()), recording.Options{})
	if err == nil || !strings.Contains(err.Error(), "line 4: $ exit 3: the shell has ended") {
		t.Errorf("error %v", err)
	}
}
