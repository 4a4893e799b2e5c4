package cli_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

func TestResult(t *testing.T) {
	v := map[string]string{"name": "<Ann & Bob>"}
	for _, test := range []struct {
		json bool
		want string
	}{
		{false, "id     1\nnames  Ann\ufffd[31m\n"},
		{true, `{"name":"<Ann & Bob>"}` + "\n"},
	} {
		var out strings.Builder
		env := &cli.Env{Stdout: &out, JSON: test.json}
		err := env.Result(v, [2]string{"id", "1"}, [2]string{"without"}, [2]string{"names", "Ann\x1b[31m"})
		if err != nil || out.String() != test.want {
			t.Errorf("json %v: %q, %v; want %q", test.json, out.String(), err, test.want)
		}
	}
}

func TestTable(t *testing.T) {
	rows := [][]string{{"1", "Ann"}, {"22", ""}, {"3", "a\tb\nc\u202e"}, {"4", "👩\u200d🚀"}}
	for _, test := range []struct {
		json bool
		rows int
		want string
	}{
		{false, 4, "A   NAME\n1   Ann\n22  -\n3   a\ufffdb\ufffdc\ufffd\n4   👩\u200d🚀\n"},
		{true, 2, "[\"1\",\"Ann\"]\n[\"22\",\"\"]\n"},
		{false, 0, ""},
		{true, 0, ""},
	} {
		var out strings.Builder
		env := &cli.Env{Stdout: &out, JSON: test.json}
		table := env.Table("A", "NAME")
		for _, row := range rows[:test.rows] {
			if err := table.Row(row, row...); err != nil {
				t.Fatal(err)
			}
		}
		if err := table.End(); err != nil || out.String() != test.want {
			t.Errorf("json %v: %q, %v; want %q", test.json, out.String(), err, test.want)
		}
	}
}

// TestTableEnds: a list ends with the error of what reads it.
func TestTableEnds(t *testing.T) {
	for _, json := range []bool{false, true} {
		r, w := io.Pipe()
		gone := errors.New("gone")
		if err := r.CloseWithError(gone); err != nil {
			t.Fatal(err)
		}
		table := (&cli.Env{Stdout: w, JSON: json}).Table("ID")
		var err error
		for i := 0; err == nil && i < 1000; i++ {
			err = table.Row("x", "x")
		}
		if err = errors.Join(err, table.End()); !errors.Is(err, gone) {
			t.Errorf("json %v: %v", json, err)
		}
	}
}
