package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
)

// machine is a folder that commands of docs/operate.md take for a machine: a clone of the
// repository as the current folder, services, and one of the databases.
type machine struct {
	t     *testing.T
	store string // the heading of the store: SQLite, PostgreSQL or Redis
	root  string
	maps  *strings.Replacer // addresses and folders of a machine
	env   []string
	page  []section
	ran   map[int]bool // blocks of the page, by number
}

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
	if err != nil {
		t.Fatal(err)
	}
	page, under, blocks := []section{{}}, "", 0
	var open *block
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		last := &page[len(page)-1]
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
			page, under = append(page, section{title: title}), ""
		}
	}
	return page
}

// newMachine returns a machine with a database.
func newMachine(t *testing.T, store string) *machine {
	t.Helper()
	m := &machine{t: t, store: store, root: t.TempDir(), page: readPage(t, "../../docs/operate.md"), ran: map[int]bool{}}
	ports, err := redistest.FreePorts(3)
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"bin", "run", "tmp", "etc/sysusers.d", "etc/systemd/system", "usr/local/bin", "var/backups", "var/lib/redis", "etc/redis", "clone/deploy/systemd"} {
		if err := os.MkdirAll(filepath.Join(m.root, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	replaced := []string{
		"127.0.0.1:8080", fmt.Sprintf("127.0.0.1:%d", ports[0]),
		"127.0.0.1:9090", fmt.Sprintf("127.0.0.1:%d", ports[1]),
		"127.0.0.1:6379", fmt.Sprintf("127.0.0.1:%d", ports[2]),
	}
	m.env = append(os.Environ(), "root="+m.root, "redis_port="+strconv.Itoa(ports[2]), "program="+filepath.Join(installed(t), "rollbook"),
		"PATH="+filepath.Join(m.root, "bin")+":"+filepath.Join(m.root, "usr/local/bin")+":"+os.Getenv("PATH"))
	switch store {
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
		m.write("etc/redis/redis.conf", fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\nappendonly no\n", ports[2], filepath.Join(m.root, "var/lib/redis")))
	}
	for _, folder := range []string{"/etc/", "/var/", "/usr/local/", "/tmp/"} {
		for _, before := range []string{" ", "\n", "\"", "'", "=", ":", ",", "("} {
			replaced = append(replaced, before+folder, before+m.root+folder)
		}
	}
	m.maps = strings.NewReplacer(replaced...)
	m.equip()
	return m
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
	for _, s := range m.page {
		if s.title != title {
			continue
		}
		for _, b := range s.blocks {
			if b.under != m.store && otherStore.MatchString(b.under) {
				continue
			}
			found, m.ran[b.number] = true, true
			commands += fmt.Sprintf("\n: docs/operate.md:%d\n%s", b.line, b.text)
		}
	}
	if !found {
		m.t.Fatalf("the page has no commands under %q", title)
	}
	return m.sh(commands)
}

// otherStore matches headings that not everybody reads.
var otherStore = regexp.MustCompile(`^(SQLite|PostgreSQL|Redis|Containers)$`)

// prelude returns what the page defines at its beginning.
func (m *machine) prelude() string {
	text := ""
	for _, b := range m.page[0].blocks {
		m.ran[b.number] = true
		text += b.text
	}
	return text
}
