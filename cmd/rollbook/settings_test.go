package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/access"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/config"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/tenants"
)

// settings returns every setting of the program.
func settings(t *testing.T) []config.Setting {
	t.Helper()
	all, err := config.Settings(new(program))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d settings", len(all))
	}
	return all
}

const settingsPage = "../../docs/configuration.md"

// TestSettingsPage: the page has every setting, as the program has it.
func TestSettingsPage(t *testing.T) {
	b, err := os.ReadFile(settingsPage)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- settings -->\n", "<!-- end -->\n"
	before, rest, ok := strings.Cut(string(b), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatal("the page has no place for the table")
	}
	want := before + begin + settingsTable(settings(t)) + end + after
	if updating() {
		if err := os.WriteFile(settingsPage, []byte(want), 0o644); err != nil { //nolint:gosec // a document
			t.Fatal(err)
		}
		return
	}
	if diff := gocmp.Diff(want, string(b)); diff != "" {
		t.Errorf("go test ./cmd/rollbook -run TestSettingsPage -update rewrites the page:\n%s", diff)
	}
}

// updating reports whether -update is given.
func updating() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

func settingsTable(all []config.Setting) string {
	var b strings.Builder
	b.WriteString("\n| Flag, and key of the file | Variable | Default | |\n|---|---|---|---|\n")
	for _, s := range all {
		value := ""
		if s.Placeholder != "" && !s.Bool {
			value = " " + s.Placeholder
		}
		by := s.Default
		if by != "" {
			by = "`" + by + "`"
		}
		help := s.Help
		if s.NoFile {
			help += " Not a key of the file."
		}
		switch {
		case len(s.Commands) == 0:
			help += " For all commands."
		case !slices.Contains(s.Commands, "serve"):
			help += " For `" + strings.Join(s.Commands, "`, `") + "`."
		case len(s.Commands) > 1:
			help += " Also for other commands."
		}
		fmt.Fprintf(&b, "| `-%s` | `%s` | %s | %s |\n", strings.ReplaceAll(s.Name+value, "|", `\|`), s.Variable, by, strings.ReplaceAll(help, "|", `\|`))
	}
	return b.String() + "\n"
}

// TestExamplesOfSettings: the files that the page shows are valid.
func TestExamplesOfSettings(t *testing.T) {
	b, err := os.ReadFile(settingsPage)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, block := range regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(b), -1) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(block[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	if len(files) != 3 {
		t.Fatalf("%d examples", len(files))
	}
	if err := config.Parse(new(program), []string{"serve", "-config", files[0]}, nil); err != nil {
		t.Error(err)
	}
	if _, err := (&access.Flags{Keys: files[1]}).Open(); err != nil {
		t.Error(err)
	}
	if _, err := (&tenants.Flags{Tenants: files[2]}).Open(); err != nil {
		t.Error(err)
	}
}

// TestSettingsAgree: a flag of any command that has the name of a setting is that setting.
func TestSettingsAgree(t *testing.T) {
	seen := make(map[string]string)
	for _, s := range settings(t) {
		if other, twice := seen[s.Variable]; twice {
			t.Errorf("%s and %s are both %s", s.Name, other, s.Variable)
		}
		seen[s.Variable] = s.Name
		if s.Help == "" || !strings.HasSuffix(s.Help, ".") {
			t.Errorf("-%s: its help is no sentence: %q", s.Name, s.Help)
		}
	}
	for _, s := range settings(t) {
		if other, twice := seen[s.Variable+"_FILE"]; twice {
			t.Errorf("%s_FILE is -%s", s.Variable, other)
		}
	}
	flags, err := config.Flags(new(program))
	if err != nil {
		t.Fatal(err)
	}
	help := make(map[string]string)
	for _, s := range settings(t) {
		help[s.Name] = s.Help
	}
	for _, f := range flags {
		if text, ok := help[f.Name]; ok && f.Help != text {
			t.Errorf("-%s of %v is another flag than the setting: %q", f.Name, f.Commands, f.Help)
		}
		if f.Split {
			t.Errorf("-%s of %v splits its values: it needs sep:\"none\"", f.Name, f.Commands)
		}
	}
}

// sample is a setting's value, and one that is wrong.
type sample struct {
	value   string // valid, and not the default
	wrong   string // "": there is none that a command refuses before it does anything
	command string // with what else it needs; "": serve
}

// samples has one for every setting. FOLDER stands for a folder that the test made; it has a
// file text, in which is no key, certificate or database, and a valid file keys.toml.
func samples() map[string]sample {
	return map[string]sample{
		"config":           {value: "FOLDER/rollbook.toml", wrong: "FOLDER/none"},
		"json":             {value: "true", wrong: "maybe"},
		"addr":             {value: "127.0.0.1:0", wrong: "nowhere"},
		"max-connections":  {value: "7", wrong: "-7"},
		"tls-cert":         {value: "FOLDER/cert.pem", wrong: "FOLDER/text"},
		"tls-key":          {value: "FOLDER/key.pem", wrong: "FOLDER/text"},
		"store":            {value: "memory:", wrong: "mysql:secret"},
		"sync":             {value: "normal", wrong: "off"},
		"redis-unsafe":     {value: "true", wrong: "maybe"},
		"postgres-unsafe":  {value: "true", wrong: "maybe"},
		"keyring":          {value: "none", wrong: "FOLDER/text"},
		"key":              {value: "secret-of-acme=acme", wrong: "secret-of-acme"},
		"keys":             {value: "FOLDER/keys.toml", wrong: "FOLDER/text"},
		"rate":             {value: "off", wrong: "10"},
		"tenants":          {value: "FOLDER/tenants.toml", wrong: "FOLDER/text"},
		"log":              {value: "json", wrong: "xml"},
		"access-log":       {value: "on", wrong: "maybe"},
		"metrics-addr":     {value: "127.0.0.1:0", wrong: "nowhere"},
		"metrics-tenants":  {value: "on", wrong: "maybe"},
		"console":          {value: "off", wrong: "maybe"},
		"login":            {value: "ann@example.com:secret-of-ann=secret-of-acme", wrong: "ann@example.com:secret-of-ann"},
		"webhooks":         {value: "off", wrong: "maybe"},
		"webhook-insecure": {value: "true", wrong: "maybe"},
		"retain":           {value: "12h", wrong: "soon"},
		"retain-count":     {value: "7", wrong: "-7"},
		"api-token":        {value: "secret-token", command: "import -tenant acme -format ada"},
		"api-login":        {value: "ann@example.com", command: "import -tenant acme -format magickmind"},
		"api-password":     {value: "secret-password", command: "import -tenant acme -format magickmind"},
		"from":             {value: "sqlite:a.db", wrong: "mysql:secret", command: "copy -to memory:"},
		"to":               {value: "sqlite:a.db", command: "copy -from sqlite:a.db"},
	}
}

// folder makes the files that samples names.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"text":          strings.Repeat("no secret-text\n", 100),
		"keys.toml":     "[[key]]\nsecret = 'secret-of-umbrella'\ntenant = 'umbrella'\n",
		"tenants.toml":  "[default.policy]\nunique_email = true\n",
		"rollbook.toml": "rate = 'off'\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// way gives a setting a value.
type way struct {
	name string
	give func(t *testing.T, s config.Setting, value string) (args, environ []string)
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// ways are all ways to give a setting a value.
func ways() []way {
	return []way{
		{"flag", func(_ *testing.T, s config.Setting, value string) ([]string, []string) {
			return []string{"-" + s.Name + "=" + value}, nil
		}},
		{"variable", func(_ *testing.T, s config.Setting, value string) ([]string, []string) {
			return nil, []string{s.Variable + "=" + value}
		}},
		{"file of a variable", func(t *testing.T, s config.Setting, value string) ([]string, []string) {
			t.Helper()
			if !s.Path {
				value = file(t, value+"\n")
			}
			return nil, []string{s.Variable + "_FILE=" + value}
		}},
		{"file", func(t *testing.T, s config.Setting, value string) ([]string, []string) {
			t.Helper()
			return []string{"-config", file(t, fmt.Sprintf("%s = %q\n", s.Name, value))}, nil
		}},
	}
}

// TestEverySetting gives every setting in every way. The command has the same settings each
// time, and others than by default.
func TestEverySetting(t *testing.T) {
	dir := folder(t)
	all := samples()
	if len(all) != len(settings(t)) {
		t.Errorf("%d samples for %d settings", len(all), len(settings(t)))
	}
	for _, s := range settings(t) {
		ex, ok := all[s.Name]
		if !ok {
			t.Errorf("-%s has no sample here", s.Name)
			continue
		}
		command := strings.Fields(cmp.Or(ex.command, "serve"))
		value := strings.ReplaceAll(ex.value, "FOLDER", dir)
		var standard, first program
		required := config.Parse(&standard, command, nil) != nil // it has no default
		for i, w := range ways() {
			if w.name == "file" && s.NoFile {
				continue
			}
			args, environ := w.give(t, s, value)
			var got program
			if err := config.Parse(&got, append(slices.Clone(command), args...), environ); err != nil {
				t.Errorf("%s by %s: %v", s.Name, w.name, err)
				continue
			}
			if i == 0 {
				first = got
			}
			if !equal(first, got) {
				t.Errorf("%s by %s is not as by %s", s.Name, w.name, ways()[0].name)
			}
		}
		if global := s.Name == "config" || s.Name == "json"; !global && !required && equal(first, standard) {
			t.Errorf("%s has no effect", s.Name)
		}
	}
}

// equal reports whether two programs have the same settings.
func equal(a, b program) bool {
	return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b)
}

// TestEveryWrongSetting: a wrong value, given in any way, ends the start with one line that
// names the setting and shows no secret. No file is made.
func TestEveryWrongSetting(t *testing.T) {
	t.Chdir(t.TempDir())
	dir := folder(t)
	all := samples()
	for _, s := range settings(t) {
		ex := all[s.Name]
		if ex.wrong == "" {
			continue
		}
		value := strings.ReplaceAll(ex.wrong, "FOLDER", dir)
		for _, w := range ways() {
			if w.name == "file" && s.NoFile {
				continue
			}
			args, environ := w.give(t, s, value)
			args = append(strings.Fields(cmp.Or(ex.command, "serve")), args...)
			if s.Name != "addr" {
				environ = append(environ, "ROLLBOOK_ADDR=127.0.0.1:0")
			}
			if s.Name != "store" {
				environ = append(environ, "ROLLBOOK_STORE=memory:")
			}
			var out, log strings.Builder
			env := &cli.Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &log, Now: time.Now}
			status := config.Main(t.Context(), new(program), args, environ, env)
			if status != cli.Usage && s.Name != "keyring" || status == cli.OK || out.Len() > 0 {
				t.Errorf("%s by %s: status %d %s", s.Name, w.name, status, &out)
			}
			if got := log.String(); !strings.Contains(got, "-"+s.Name) || strings.Count(got, "\n") != 1 || strings.Contains(got, "secret") {
				t.Errorf("%s by %s: %s", s.Name, w.name, got)
			}
		}
	}
	if left := files(t); len(left) > 0 {
		t.Errorf("the folder has %q", left)
	}
}
