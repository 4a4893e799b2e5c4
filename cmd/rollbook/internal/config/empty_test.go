package config_test

import (
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/config"
)

// TestEmptyValues: a flag, a key of the file or a file of a variable without a value ends the
// start. A variable without a value is not set.
func TestEmptyValues(t *testing.T) {
	t.Parallel()
	nothing := write(t, "\n")
	for _, test := range []struct {
		args, environ []string
		want          string
	}{
		{[]string{"-store="}, nil, "-store: its value is empty"},
		{[]string{"-store", "", "-key=a"}, nil, "-store: its value is empty"},
		{[]string{"-key=a", "-key="}, nil, "-key: its value is empty"},
		{[]string{"-config="}, nil, "-config: its value is empty"},
		{[]string{"-config", write(t, "store = ''")}, nil, "-store: its value is empty (from FILE)"},
		{nil, []string{"ROLLBOOK_STORE_FILE=" + nothing}, "-store: its value is empty (from ROLLBOOK_STORE_FILE)"},
		{nil, []string{"ROLLBOOK_KEY_FILE=" + nothing}, "-key: its value is empty (from ROLLBOOK_KEY_FILE)"},
		{nil, []string{"ROLLBOOK_STORE=", "ROLLBOOK_KEY="}, ""},
	} {
		err := config.Parse(new(commands), append([]string{"serve"}, test.args...), test.environ)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if before, _, ok := strings.Cut(got, " (from /"); ok {
			got = before + " (from FILE)"
		}
		if got != test.want {
			t.Errorf("%q %q: %s", test.args, test.environ, got)
		}
	}
	var out strings.Builder
	if status := config.Main(t.Context(), new(commands), []string{"serve", "-store="}, nil, &cli.Env{Stdout: &out, Stderr: &out}); status != cli.Usage {
		t.Errorf("status %d: %s", status, &out)
	}
}
