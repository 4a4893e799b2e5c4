package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

// storesOfPage are the headings of the stores on the page.
func storesOfPage() []string { return []string{"SQLite", "PostgreSQL", "Redis"} }

// TestOperate does what docs/operate.md says, chapter by chapter, on every store, and leaves nothing
// out.
func TestOperate(t *testing.T) {
	pages(t)
	ran, ended, want := map[int]bool{}, 0, 0
	run := func(name string, f func(m *machine), m machine) {
		want++
		t.Run(name, func(t *testing.T) {
			m.start(t)
			f(&m)
			m.sh("systemctl stop rollbook\n") // with status 0
			maps.Copy(ran, m.ran)
			ended++
		})
	}
	for _, store := range storesOfPage() {
		run(store, operate, machine{store: store})
	}
	for _, store := range storesOfPage()[1:] {
		run(store+" for several hosts", rotateShared, machine{store: store, shared: true})
	}
	if ended < want {
		return // a store failed, was skipped or not asked for
	}
	for _, chapter := range readPage(t, page) {
		for _, b := range chapter.blocks {
			if !ran[b.number] {
				t.Errorf("%s:%d was not run", page, b.line)
			}
		}
	}
}

// operate does all chapters. Users, the tokens of groups and versions survive what the page says
// they survive.
func operate(m *machine) {
	key := newKey(m.t, m.do("Start"))
	before := m.post(key, "/v1/end-users", `{"external_id":"before"}`)
	id := fmt.Sprint(before["id"])
	m.call(key, http.MethodPatch, "/v1/sensitive/"+id, `{"session":"sealed"}`, http.StatusNoContent)
	before = m.get(key, "/v1/end-users/"+id)
	token := m.post(key, "/v1/groups", `{"external_id":"team"}`)["token"]
	m.do("Watch")
	m.do("Back up")

	m.post(key, "/v1/end-users", `{"external_id":"after"}`)
	m.call(key, http.MethodDelete, "/v1/end-users/"+id, "", http.StatusNoContent)
	m.do("Restore")
	m.call(key, http.MethodGet, "/v1/end-users/by-external-id/after", "", http.StatusNotFound)
	m.same(key, before)
	m.hasToken("team", token)

	second := newKey(m.t, m.do("Rotate keys"))
	m.same(second, before)
	m.same(key, before)
	m.hasToken("team", token)

	m.do("Upgrade")
	m.do("Incidents")
	m.same(key, before)
	m.hasToken("team", token)
}

// rotateShared rotates the keyring of several hosts.
func rotateShared(m *machine) {
	key := newKey(m.t, m.do("Start"))
	token := m.post(key, "/v1/groups", `{"external_id":"team"}`)["token"]
	m.do("Rotate keys")
	m.hasToken("team", token)
	later := m.post(key, "/v1/groups", `{"external_id":"later"}`)
	m.hasToken("later", later["token"])
}

// TestUpgrade puts a store that the last version before the program wrote in the place of that of
// the service, and upgrades it as docs/operate.md says.
func TestUpgrade(t *testing.T) {
	pages(t)
	for _, store := range storesOfPage() {
		t.Run(store, func(t *testing.T) {
			m := &machine{store: store}
			m.start(t)
			key := newKey(t, m.do("Start"))
			m.sh("systemctl stop rollbook\n")
			m.golden()
			m.sh("systemctl start rollbook\n")
			m.do("Back up")
			m.do("Upgrade")
			ann := m.get(key, "/v1/end-users/by-external-id/crm-%C3%A9")
			if ann["name"] != "Ann, as shown" {
				t.Errorf("the user is %v", ann)
			}
			var keepsakes struct{ Metadata map[string]string }
			m.json(m.sh(m.prelude()+"rb users get -tenant keepsakes keepsakes -json\n"), &keepsakes)
			m.hasToken("Team-É", keepsakes.Metadata["token"])
			m.sh("systemctl stop rollbook\n")
		})
	}
}

// golden puts the golden store, and its keyring, in the place of those of the service, which is
// stopped.
func (m *machine) golden() {
	m.t.Helper()
	const keyring = "var/lib/rollbook/rollbook.keyring"
	lines := "rollbook-keyfile 1\nprimary golden-1 1763625600 " + base64.RawStdEncoding.EncodeToString(append([]byte{1, 2, 3}, make([]byte, 29)...)) + "\n"
	m.write(keyring, fmt.Sprintf("%ssha256 %x\n", lines, sha256.Sum256([]byte(lines))))
	noError(m.t, os.Chmod(filepath.Join(m.root, keyring), 0o600))
	m.sh("echo 'webhooks = \"off\"' >> /etc/rollbook/rollbook.toml\n") // it has some, of hosts that nobody has
	switch m.store {
	case "SQLite":
		m.sh("rm /var/lib/rollbook/rollbook.db*\n")
		text, err := os.ReadFile("../../store/sqlite/testdata/golden.db")
		noError(m.t, err)
		m.write("var/lib/rollbook/rollbook.db", string(text))
	case "PostgreSQL":
		text, err := os.ReadFile("../../store/postgres/testdata/golden.sql")
		noError(m.t, err)
		m.write("golden.sql", "DROP SCHEMA rollbook CASCADE;\n"+string(text))
		m.sh("psql --quiet --set=ON_ERROR_STOP=1 --file=../golden.sql 'postgres://rollbook@/rollbook?host=/run/postgresql'\n")
	case "Redis":
		text, err := os.ReadFile("../../store/redis/testdata/golden.txt")
		noError(m.t, err)
		client := goredis.NewClient(&goredis.Options{Addr: m.redis})
		defer client.Close()
		noError(m.t, client.FlushAll(m.t.Context()).Err())
		for line := range bytes.Lines(text) {
			noError(m.t, client.Do(m.t.Context(), words(m.t, string(line))...).Err())
		}
	}
}

// words returns the words of a line of the golden store: a command, and quoted arguments.
func words(t *testing.T, line string) []any {
	t.Helper()
	name, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	command := []any{name}
	for rest != "" {
		quoted, err := strconv.QuotedPrefix(rest)
		noError(t, err)
		word, err := strconv.Unquote(quoted)
		noError(t, err)
		command, rest = append(command, word), strings.TrimPrefix(rest[len(quoted):], " ")
	}
	return command
}
