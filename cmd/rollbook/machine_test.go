package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
)

// machine is a folder that commands of docs/operate.md take for a machine: a clone of the
// repository as the current folder, services, and one of the databases.
type machine struct {
	t        *testing.T
	store    string // the heading of the store: SQLite, PostgreSQL or Redis
	root     string
	maps     *strings.Replacer // addresses and folders of a machine
	env      []string
	chapters []section
	ran      map[int]bool // blocks of the page, by number
	url      string       // of the service
	redis    string       // the address of Redis
	shared   bool         // its keyring is one that several hosts share
}

// page is the document that is tested.
const page = "../../docs/operate.md"

// section is a heading of the page of the second level, with its blocks.
type section struct {
	title  string
	blocks []block
}

// block is the commands of one block of the page.
type block struct {
	number int
	line   int
	under  string // the heading of the third level
	text   string
}

// readPage returns the sections of a document, with the blocks of sh in them.
func readPage(t *testing.T, path string) []section {
	t.Helper()
	text, err := os.ReadFile(path)
	noError(t, err)
	chapters, under, blocks := []section{{}}, "", 0
	var open *block
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		last := &chapters[len(chapters)-1]
		title, isTitle := strings.CutPrefix(strings.TrimSpace(line), "## ")
		switch {
		case open != nil && strings.HasPrefix(line, "```"):
			last.blocks, open = append(last.blocks, *open), nil
		case open != nil:
			open.text += line
		case strings.HasPrefix(line, "```sh"):
			blocks++
			open = &block{number: blocks, line: number, under: under}
		case strings.HasPrefix(line, "### "):
			under = strings.TrimSpace(strings.TrimPrefix(line, "### "))
		case isTitle:
			chapters, under = append(chapters, section{title: title}), ""
		}
	}
	return chapters
}

// start makes the folder and starts the database.
func (m *machine) start(t *testing.T) {
	t.Helper()
	m.t, m.root, m.chapters, m.ran = t, t.TempDir(), readPage(t, page), map[int]bool{}
	ports, err := redistest.FreePorts(3)
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"bin", "run", "tmp", "root", "etc/sysusers.d", "etc/systemd/system", "usr/local/bin", "var/backups", "var/lib/redis", "etc/redis", "clone/deploy/systemd"} {
		if err := os.MkdirAll(filepath.Join(m.root, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	replaced := []string{
		"127.0.0.1:8080", fmt.Sprintf("127.0.0.1:%d", ports[0]),
		"127.0.0.1:9464", fmt.Sprintf("127.0.0.1:%d", ports[1]),
		"127.0.0.1:6379", fmt.Sprintf("127.0.0.1:%d", ports[2]),
	}
	// The settings of the tests are none of the program.
	ours := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "ROLLBOOK_") })
	m.env = append(ours, "root="+m.root, "CURL_HOME="+m.root, "redis_port="+strconv.Itoa(ports[2]), "program="+filepath.Join(installed(t), "rollbook"),
		"PATH="+filepath.Join(m.root, "bin")+":"+filepath.Join(m.root, "usr/local/bin")+":"+os.Getenv("PATH"))
	m.redis = fmt.Sprintf("127.0.0.1:%d", ports[2])
	m.url = fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	switch m.store {
	case "PostgreSQL":
		server := pgtest.Own(t)
		replaced = append(replaced, "/run/postgresql", server.Dir)
		m.env = append(m.env, "PGHOST="+server.Dir, "PGUSER=postgres")
	case "Redis":
		redistest.Require(t)
		for _, name := range []string{"redis-server", "redis-cli"} {
			path, err := exec.LookPath(name)
			if err != nil {
				t.Fatal(err)
			}
			m.env = append(m.env, strings.ReplaceAll(name, "-", "_")+"="+path)
		}
		m.write("etc/redis/redis.conf", fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\nappendonly no\nrepl-diskless-sync-delay 0\n", ports[2], filepath.Join(m.root, "var/lib/redis")))
	}
	for _, folder := range []string{"/etc/", "/var/", "/usr/local/", "/tmp/", "/root/"} {
		for _, before := range []string{" ", "\n", "\"", "'", "=", ":", ",", "("} {
			replaced = append(replaced, before+folder, before+m.root+folder)
		}
	}
	m.maps = strings.NewReplacer(replaced...)
	// A slow disk may need more than the second after which a service is not ready.
	m.write(".curlrc", "retry = 30\nretry-delay = 1\nnoproxy = \"*\"\n")
	m.equip()
}

// equip puts the stand-ins into the PATH, and what is installed into the clone.
func (m *machine) equip() {
	m.t.Helper()
	stand, err := filepath.Abs("testdata/operate.sh")
	if err != nil {
		m.t.Fatal(err)
	}
	for _, name := range []string{"sudo", "install", "systemctl", "systemd-sysusers", "journalctl", "go", "redis-cli"} {
		script := "#!/usr/bin/env bash\nexec bash -c 'source \"$1\" \"${@:2}\"' " + name + " " + stand + " \"$@\"\n"
		m.write(filepath.Join("bin", name), script)
	}
	files, err := filepath.Glob("../../deploy/systemd/*")
	if err != nil || len(files) == 0 {
		m.t.Fatalf("no files of systemd: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			m.t.Fatal(err)
		}
		m.write(filepath.Join("clone/deploy/systemd", filepath.Base(file)), m.maps.Replace(string(text)))
	}
	m.t.Cleanup(m.end)
	if m.store == "Redis" {
		m.sh("systemctl start redis-server\n")
	}
}

// end ends the services that still run.
func (m *machine) end() {
	files, _ := filepath.Glob(filepath.Join(m.root, "run/*.pid"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			_ = syscall.Kill(-pid, syscall.SIGKILL)
		}
	}
	if m.t.Failed() {
		log, _ := os.ReadFile(filepath.Join(m.root, "run/rollbook.log"))
		m.t.Logf("log of the service:\n%s", log)
	}
}

func (m *machine) write(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.root, name), []byte(text), 0o700); err != nil { //nolint:gosec // programs, some of them
		m.t.Fatal(err)
	}
}

// sh runs commands as they stand on the page, and returns what they print.
func (m *machine) sh(commands string) string {
	m.t.Helper()
	shell := exec.CommandContext(m.t.Context(), "bash", "-euo", "pipefail", "-c", m.maps.Replace(commands))
	shell.Dir, shell.Env = filepath.Join(m.root, "clone"), m.env
	out, err := shell.CombinedOutput()
	if err != nil {
		m.t.Fatalf("%v\n%s\n%s", err, commands, out)
	}
	return string(out)
}

// do runs the blocks of a section, in one shell: those for every store, and those for this one.
func (m *machine) do(title string) string {
	m.t.Helper()
	commands := m.prelude()
	found := false
	for _, s := range m.chapters {
		if s.title != title {
			continue
		}
		for _, b := range s.blocks {
			if m.skips(b.under) {
				continue
			}
			found, m.ran[b.number] = true, true
			commands += fmt.Sprintf("\n: %s:%d\n%s", page, b.line, b.text)
		}
	}
	if !found {
		m.t.Fatalf("the page has no commands under %q", title)
	}
	return m.sh(commands)
}

// skips reports whether a machine of this kind has no use for what is under a heading.
func (m *machine) skips(heading string) bool {
	switch heading {
	case "SQLite", "PostgreSQL", "Redis":
		return heading != m.store
	case "Several hosts", "A shared keyring":
		return !m.shared
	case "The keyring of one host":
		return m.shared
	}
	return false
}

// prelude returns what the page defines at its beginning.
func (m *machine) prelude() string {
	text := ""
	for _, b := range m.chapters[0].blocks {
		m.ran[b.number] = true
		text += b.text
	}
	return text
}

// call sends a request to the service, and returns its answer.
func (m *machine) call(key, method, path, body string, status int) map[string]any {
	m.t.Helper()
	request, err := http.NewRequestWithContext(m.t.Context(), method, m.url+path, strings.NewReader(body))
	noError(m.t, err)
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	noError(m.t, err)
	text, err := io.ReadAll(response.Body)
	noError(m.t, errors.Join(err, response.Body.Close()))
	if response.StatusCode != status {
		m.t.Fatalf("%s %s: %s, want %d\n%s", method, path, response.Status, status, text)
	}
	if len(text) == 0 {
		return nil
	}
	var object map[string]any
	m.json(string(text), &object)
	return object
}

func (m *machine) get(key, path string) map[string]any {
	m.t.Helper()
	return m.call(key, http.MethodGet, path, "", http.StatusOK)
}

func (m *machine) post(key, path, body string) map[string]any {
	m.t.Helper()
	return m.call(key, http.MethodPost, path, body, http.StatusCreated)
}

// same fails the test unless the service shows the same user, in the same version.
func (m *machine) same(key string, user map[string]any) {
	m.t.Helper()
	if diff := cmp.Diff(user, m.get(key, "/v1/end-users/"+fmt.Sprint(user["id"]))); diff != "" {
		m.t.Errorf("the user changed:\n%s", diff)
	}
}

// hasToken fails the test unless a group has a token, and the keyring can open it.
func (m *machine) hasToken(group string, token any) {
	m.t.Helper()
	var shown struct{ Token string }
	m.json(m.sh(m.prelude()+"rb groups get -tenant acme -token "+group+" -json\n"), &shown)
	if shown.Token != token || token == "" {
		m.t.Errorf("the token of the group is %q, want %q", shown.Token, token)
	}
}

func (m *machine) json(text string, value any) {
	m.t.Helper()
	if err := json.Unmarshal([]byte(text), value); err != nil {
		m.t.Fatalf("%v in %s", err, text)
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newKey returns the key that a chapter printed.
func newKey(t *testing.T, text string) string {
	t.Helper()
	key := regexp.MustCompile(`(?m)^rbk_[0-9a-f]{48}$`).FindString(text)
	if key == "" {
		t.Fatalf("no key is printed in:\n%s", text)
	}
	return key
}
