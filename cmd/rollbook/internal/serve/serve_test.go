package serve

import (
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/config"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// parse returns the command with arguments.
func parse(t *testing.T, args ...string) *Serve {
	t.Helper()
	var program struct {
		Serve Serve `cmd:""`
	}
	if err := config.Parse(&program, append([]string{"serve"}, args...), nil); err != nil {
		t.Fatal(err)
	}
	return &program.Serve
}

func TestWebhooksOff(t *testing.T) {
	users := enduser.New(memory.New(nil), nil)
	if parse(t).deliverer(users) == nil || parse(t, "-webhooks", "on").deliverer(users) == nil {
		t.Error("webhooks are off")
	}
	if parse(t, "-webhooks", "off").deliverer(users) != nil {
		t.Error("webhooks are on")
	}
}

// TestNegativeSettings: numbers below zero end the start with the name of the setting.
func TestNegativeSettings(t *testing.T) {
	for _, name := range []string{"-max-connections", "-retain-count"} {
		var log strings.Builder
		err := parse(t, name+"=-1", "-addr=127.0.0.1:0").Run(t.Context(), &cli.Env{Stdout: &log, Stderr: &log})
		if cli.Status(err) != cli.Usage || !strings.Contains(err.Error(), name) || log.Len() > 0 {
			t.Errorf("%s: %v; printed %s", name, err, &log)
		}
	}
}

// TestAnnounce: with -json, one object is all that is printed. All comes in one write.
func TestAnnounce(t *testing.T) {
	const url = "http://127.0.0.1:80"
	for _, test := range []struct {
		json               bool
		key, console, want string
	}{
		{true, "", "off", `{"url":"http://127.0.0.1:80"}` + "\n"},
		{true, "rbk_A", "on", `{"url":"http://127.0.0.1:80","key":"rbk_A","console":"http://127.0.0.1:80/console/"}` + "\n"},
		{false, "", "off", "listening on http://127.0.0.1:80\n"},
		{false, "", "on", "listening on http://127.0.0.1:80\nconsole: http://127.0.0.1:80/console/\n"},
		{false, "rbk_A", "off", "listening on http://127.0.0.1:80\ntry: " + curl(url, "rbk_A") + "\n"},
		{
			false, "rbk_A", "on", "listening on http://127.0.0.1:80\ntry: " + curl(url, "rbk_A") +
				"\nconsole: http://127.0.0.1:80/console/ (its key is in rollbook.key)\n",
		},
	} {
		var out once
		(&Serve{Console: test.console}).announce(&cli.Env{Stdout: &out, JSON: test.json}, url, test.key)
		if out.text != test.want || out.writes != 1 {
			t.Errorf("%q in %d writes, want %q", out.text, out.writes, test.want)
		}
	}
}

// once counts writes.
type once struct {
	text   string
	writes int
}

func (o *once) Write(b []byte) (int, error) {
	o.text += string(b)
	o.writes++
	return len(b), nil
}
