package config_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/config"
)

// commands is a program for tests.
type commands struct {
	Serve serve `cmd:"" settings:""`
	Fetch fetch `cmd:""`
	Drop  drop  `cmd:""`
}

type store struct {
	Store string `default:"here" help:"The store."`
}

type serve struct {
	store `embed:""`

	Mode   string   `default:"slow" enum:"slow,fast"`
	Keys   []string `name:"key" sep:"none" secret:""`
	Unsafe bool
	Limit  int    `default:"7"`
	Cert   string `placeholder:"FILE"`
	ran    func(*serve, *cli.Env) error
}

func (s *serve) Run(_ context.Context, env *cli.Env) error { return s.ran(s, env) }

type fetch struct {
	store `embed:""`

	Token string `setting:"" secret:""`
	Yes   bool
	Age   string   `default:"30d" placeholder:"AGE" help:"How old."`
	Files []string `arg:"" optional:""`
}

func (*fetch) Run(context.Context) error { return errors.Join(errors.New("one"), errors.New("two")) }

type drop struct {
	IDs []string `arg:"" name:"id"`
}

func (*drop) Run() error { return nil }

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOrder: an argument goes before the environment, that before the file, that before the
// default.
func TestOrder(t *testing.T) {
	t.Parallel()
	file := write(t, "store = 'file'\nmode = 'fast'\nkey = ['a,b', 'c']\nunsafe = true\nlimit = 9\n")
	for _, tt := range []struct {
		name string
		args []string
		env  []string
		want serve
	}{
		{"default", nil, nil, serve{store: store{"here"}, Mode: "slow", Limit: 7}},
		{"file", []string{"-config", file}, nil, serve{store{"file"}, "fast", []string{"a,b", "c"}, true, 9, "", nil}},
		{"file of the environment", nil, []string{"ROLLBOOK_CONFIG=" + file}, serve{store{"file"}, "fast", []string{"a,b", "c"}, true, 9, "", nil}},
		{
			"environment",
			[]string{"--config=" + file},
			[]string{"ROLLBOOK_STORE=env", "ROLLBOOK_MODE=slow", "ROLLBOOK_KEY=d=e f,g \r\n\nh\n", "ROLLBOOK_UNSAFE=false", "ROLLBOOK_LIMIT=10"},
			serve{store{"env"}, "slow", []string{"d=e f,g ", "h"}, false, 10, "", nil},
		},
		{
			"files that the environment names",
			[]string{"-config", file},
			[]string{"ROLLBOOK_STORE_FILE=" + write(t, " there\n"), "ROLLBOOK_KEY_FILE=" + write(t, "x\ny\n"), "ROLLBOOK_CERT_FILE=cert.pem"},
			serve{store{"there"}, "fast", []string{"x", "y"}, true, 9, "cert.pem", nil},
		},
		{
			"arguments",
			[]string{"-config", file, "-store=arg", "-mode", "slow", "-key", "1,2", "--key=3", "-unsafe=false", "-limit", "11"},
			[]string{"ROLLBOOK_STORE=env", "ROLLBOOK_MODE=fast", "ROLLBOOK_KEY=d"},
			serve{store{"arg"}, "slow", []string{"1,2", "3"}, false, 11, "", nil},
		},
		{"an empty variable", nil, []string{"ROLLBOOK_STORE=", "ROLLBOOK_KEY_FILE=", "STORE=x"}, serve{store: store{"here"}, Mode: "slow", Limit: 7}},
		{
			"variables of others", nil,
			[]string{
				"ROLLBOOK_TESTS=long", "ROLLBOOK_TEST_ROLE=x", "ROLLBOOK_SERVICE_HOST=10.0.0.1", "ROLLBOOK_SERVICE_PORT_HTTP=80", "ROLLBOOK_PORT=tcp://10.0.0.1:80",
				"ROLLBOOK_PORT_80_TCP=tcp://10.0.0.1:80", "ROLLBOOK_PORT_80_TCP_ADDR=10.0.0.1", "ROLLBOOK_METRICS_SERVICE_HOST=10.0.0.2",
			},
			serve{store: store{"here"}, Mode: "slow", Limit: 7},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got commands
			if err := config.Parse(&got, append([]string{"serve"}, tt.args...), tt.env); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Serve, cmp.AllowUnexported(serve{}), cmp.Comparer(func(_, _ func(*serve, *cli.Env) error) bool { return true })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestOtherCommands: another command gets the settings that it has, and takes no notice of the
// rest. What describes one call comes from its arguments alone.
func TestOtherCommands(t *testing.T) {
	t.Parallel()
	file := write(t, "store = 'file'\nmode = 'fast'\ntoken = 'secret'\n")
	var got commands
	if err := config.Parse(&got, []string{"fetch", "-config", file, "-yes", "--", "a", "-b"}, []string{"ROLLBOOK_LIMIT=no number"}); err != nil {
		t.Fatal(err)
	}
	want := fetch{store{"file"}, "secret", true, "30d", []string{"a", "-b"}}
	if diff := cmp.Diff(want, got.Fetch, cmp.AllowUnexported(fetch{})); diff != "" {
		t.Error(diff)
	}
}

// TestWrong: a wrong setting is one line that names it, with the status of wrong usage. It
// shows no secret.
func TestWrong(t *testing.T) {
	t.Parallel()
	valid := write(t, "")
	for _, tt := range []struct {
		name string
		args []string
		env  []string
		want string
	}{
		{"value of a flag", []string{"serve", "-mode", "off"}, nil, `-mode must be one of "slow","fast" but got "off"`},
		{"value of a variable", []string{"serve"}, []string{"ROLLBOOK_MODE=off"}, `-mode must be one of "slow","fast" but got "off" (from ROLLBOOK_MODE)`},
		{"number", []string{"serve"}, []string{"ROLLBOOK_LIMIT=many"}, `-limit: expected a valid 64 bit int but got "many" (from ROLLBOOK_LIMIT)`},
		{"value of the file", []string{"serve", "-config", write(t, "mode = 'off'")}, nil, `-mode must be one of "slow","fast" but got "off" (from FILE)`},
		{"unknown variable", []string{"serve"}, []string{"ROLLBOOK_MODES=secret"}, "ROLLBOOK_MODES in the environment: there is no such setting"},
		{"flag of one call", []string{"fetch"}, []string{"ROLLBOOK_YES=true"}, "ROLLBOOK_YES in the environment: there is no such setting"},
		{"variable and file", []string{"serve"}, []string{"ROLLBOOK_KEY=secret", "ROLLBOOK_KEY_FILE=" + valid}, "-key: ROLLBOOK_KEY and ROLLBOOK_KEY_FILE: only one can be given"},
		{"missing file of a variable", []string{"serve"}, []string{"ROLLBOOK_KEY_FILE=" + valid + "x"}, "-key: ROLLBOOK_KEY_FILE: open FILEx: no such file or directory"},
		{"another file", []string{"serve"}, []string{"ROLLBOOK_STORE_FILE=" + write(t, "-----BEGIN\nsecret")}, "-store: ROLLBOOK_STORE_FILE: FILE must have the value alone, on one line"},
		{"missing file", []string{"serve", "-config", valid + "x"}, nil, "-config: open FILEx: no such file or directory"},
		{"unknown key", []string{"serve", "-config", write(t, "modes = 'secret'")}, nil, "-config: FILE: modes: there is no such setting"},
		{"unknown key for another command", []string{"fetch", "-config", write(t, "yes = true")}, nil, "-config: FILE: yes: there is no such setting"},
		{"file in a file", []string{"serve", "-config", write(t, "config = 'x'")}, nil, "-config: FILE: config: there is no such setting"},
		{"no TOML", []string{"serve", "-config", write(t, "\nkey = secret")}, nil, "-config: FILE: line 2: not valid TOML"},
		{"list for one", []string{"serve", "-config", write(t, "mode = ['fast']")}, nil, "-mode: it has one value, not a list (from FILE)"},
		{"table", []string{"serve", "-config", write(t, "[key]\nname = 'secret'")}, nil, "-config: FILE: unknown: key.name"},
		{"time", []string{"serve", "-config", write(t, "mode = 2026-11-26")}, nil, "-mode: it must be a string, a number, true or false (from FILE)"},
		{"unknown flag", []string{"serve", "-modes=secret"}, nil, `unknown flag -modes, did you mean "-mode"?; see rollbook serve -help`},
		{"argument", []string{"serve", "secret"}, nil, "unexpected argument behind serve and its flags"},
		{"command", []string{"serv"}, nil, `unexpected argument serv, did you mean "serve"?; see rollbook -help`},
		{"no command", nil, nil, `expected one of "serve", "fetch", "drop"; see rollbook -help`},
		{"no argument", []string{"drop"}, nil, `expected "<id> ..."; see rollbook drop -help`},
		{"no value", []string{"serve", "-mode"}, nil, "-mode: its value is missing; one that begins with a dash is written -mode=VALUE"},
		{"no value of a list", []string{"serve", "-key"}, nil, "-key: its value is missing; one that begins with a dash is written -key=VALUE"},
		{"a dash", []string{"serve", "-key", "-secret"}, nil, "-key: its value is missing; one that begins with a dash is written -key=VALUE"},
		{"a short dash", []string{"serve", "-limit", "-7"}, nil, "-limit: its value is missing; one that begins with a dash is written -limit=VALUE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out, log strings.Builder
			status := config.Main(t.Context(), new(commands), tt.args, tt.env, &cli.Env{Stdout: &out, Stderr: &log})
			got := log.String()
			for _, text := range append(tt.args, tt.env...) { // the name of the file is another each time
				if at := strings.Index(text, valid[:len(os.TempDir())+1]); at >= 0 {
					got = strings.ReplaceAll(got, strings.TrimSuffix(text[at:], "x"), "FILE")
				}
			}
			if status != cli.Usage || got != "rollbook: "+tt.want+"\n" || out.Len() > 0 {
				t.Errorf("%d %s%s, want\n%s", status, got, &out, tt.want)
			}
		})
	}
}

// TestErrors: an error of a command is one line, or one JSON object.
func TestErrors(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	_ = config.Main(t.Context(), new(commands), []string{"serve", "-mode", "x"}, []string{"ROLLBOOK_JSON=true"}, &cli.Env{Stderr: &log})
	if !strings.HasPrefix(log.String(), "{") {
		t.Error(log.String())
	}
	for args, want := range map[string]string{
		"fetch":               "rollbook: one; two\n",
		"fetch -json":         `{"error":"one; two","status":1}` + "\n",
		"-json serve -mode x": `{"error":"-mode must be one of \"slow\",\"fast\" but got \"x\"","status":2}` + "\n",
	} {
		var out, log strings.Builder
		_ = config.Main(t.Context(), new(commands), strings.Fields(args), nil, &cli.Env{Stdout: &out, Stderr: &log})
		if log.String() != want || out.Len() > 0 {
			t.Errorf("%s: %s%s", args, &log, &out)
		}
	}
}

// TestInterrupted: a command that a signal ended has a status of its own, and no error.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	program := &commands{Serve: serve{ran: func(*serve, *cli.Env) error {
		cancel()
		return ctx.Err()
	}}}
	var log strings.Builder
	if status := config.Main(ctx, program, []string{"serve"}, nil, &cli.Env{Stderr: &log}); status != cli.Interrupted || log.Len() > 0 {
		t.Errorf("%d %s", status, &log)
	}
}

// TestSecretsInFile: a file of -config that others can read must not have secrets.
func TestSecretsInFile(t *testing.T) {
	t.Parallel()
	for text, refused := range map[string]bool{"key = ['secret']": true, "store = 'there'": false} {
		path := write(t, text)
		if err := os.Chmod(path, 0o644); err != nil { //nolint:gosec // that is the case
			t.Fatal(err)
		}
		err := config.Parse(new(commands), []string{"serve", "-config", path}, nil)
		if (err != nil) != refused || err != nil && !strings.HasPrefix(err.Error(), "-config: key is secret: "+path+" has mode 0644") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	wrong := []string{"ROLLBOOK_MODES=x", "ROLLBOOK_LIMIT=many"}
	if status := config.Main(t.Context(), new(commands), []string{"serve", "-help"}, wrong, &cli.Env{Stdout: &out}); status != cli.OK {
		t.Error(status)
	}
	for _, want := range []string{"-store=\"here\"", "-config=FILE", "-mode="} {
		if !strings.Contains(out.String(), " "+want) {
			t.Errorf("%s is missing:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "--") {
		t.Errorf("two dashes:\n%s", &out)
	}
}

// TestHelpShowsDefaults: also of a flag with a placeholder, which kong shows instead.
func TestHelpShowsDefaults(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	_ = config.Main(t.Context(), new(commands), []string{"fetch", "-help"}, nil, &cli.Env{Stdout: &out})
	if !strings.Contains(out.String(), "How old. By default 30d.\n") {
		t.Error(&out)
	}
}

// TestHabits: what people know from other programs works, too.
func TestHabits(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"help":       "Usage: rollbook <command>",
		"help serve": "Usage: rollbook serve",
		"-version":   "unexpected argument version", // this program has no such command
		"--version":  "unexpected argument version",
	} {
		var out strings.Builder
		_ = config.Main(t.Context(), new(commands), strings.Fields(args), nil, &cli.Env{Stdout: &out, Stderr: &out})
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: %s", args, &out)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	all, err := config.Settings(new(commands))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name+" "+s.Variable+" "+strings.Join(s.Commands, ","))
	}
	want := []string{
		"config ROLLBOOK_CONFIG ", "json ROLLBOOK_JSON ",
		"store ROLLBOOK_STORE serve,fetch", "mode ROLLBOOK_MODE serve", "key ROLLBOOK_KEY serve",
		"unsafe ROLLBOOK_UNSAFE serve", "limit ROLLBOOK_LIMIT serve", "cert ROLLBOOK_CERT serve", "token ROLLBOOK_TOKEN fetch",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}
