package main

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
)

// The texts that the test looks for in every byte that the server leaves behind.
const (
	canary  = "canary-that-nobody-may-see"
	control = "canary-that-stands-in-clear"
)

// TestSecretsStaySecret writes a sensitive value and a group's token by every route that takes
// them. They appear in no answer, in no line of the log and in no file of the store, including
// its write-ahead log or append-only file. A value that is not sensitive does appear, or the
// test would prove nothing.
func TestSecretsStaySecret(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		dir := t.TempDir()
		keepsSecrets(t, dir, "sqlite:users.db", dir)
	})
	t.Run("redis", func(t *testing.T) {
		p := redistest.Server(t, "--appendonly", "yes", "--appendfsync", "always")
		keepsSecrets(t, t.TempDir(), "redis://"+p.Addr+"/0", p.Dir)
	})
	t.Run("postgres", func(t *testing.T) {
		p := pgtest.Own(t)
		keepsSecrets(t, t.TempDir(), p.Database(t), p.Dir)
	})
}

// keepsSecrets runs a server in a folder, on a store whose files are in another.
func keepsSecrets(t *testing.T, dir, store, files string) {
	t.Helper()
	s := startProcess(t, dir, keyFlag, "-store", store)
	var answers []answer
	send := func(want int, method, path, body string) answer {
		t.Helper()
		a := mustSend(t, method, s.url+path, testKey, body)
		if a.status != want {
			t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
		}
		answers = append(answers, a)
		return a
	}
	const fields = `"sensitive_metadata":{"fields":{"session":"` + canary + `"}}`
	send(http.StatusCreated, "POST", "/ada/api/v2/end-users/", `{"external_id":"maria","profile":{"metadata":{"plain":"`+control+`"},`+fields+`}}`)
	send(http.StatusOK, "POST", "/ada/api/v2/end-users/", `{"external_id":"MARIA","profile":{`+fields+`}}`)
	u := mustMake(t, s.url, "crm-7", http.StatusCreated)
	send(http.StatusOK, "PATCH", "/ada/api/v2/end-users/"+u.ID, `{"profile":{`+fields+`}}`)
	send(http.StatusNoContent, "PATCH", "/v1/sensitive/"+u.ID, `{"one":"`+canary+`"}`)
	send(http.StatusNoContent, "PUT", "/v1/sensitive/"+u.ID, `{"two":"`+canary+`"}`)
	send(http.StatusBadRequest, "PUT", "/v1/sensitive/"+u.ID, `{"two":["`+canary+`"]}`)
	send(http.StatusBadRequest, "PATCH", "/ada/api/v2/end-users/"+u.ID, `{"profile":{"sensitive_metadata":{"fields":{"a b":"`+canary+`"}}}}`)
	for _, path := range []string{
		"/v1/end-users", "/v1/end-users/" + u.ID, "/v1/changes", "/ada/api/v2/end-users/", "/ada/api/v2/end-users/?external_id=maria",
		"/magickmind/v1/end-users", "/v1/groups",
	} {
		send(http.StatusOK, "GET", path, "")
	}

	group := send(http.StatusCreated, "POST", "/v1/groups", `{"external_id":"example_1","name":"Example 1"}`)
	token := member(group.body, "token")
	if len(token) != 64 {
		t.Fatalf("the answer has no token: %s", group.body)
	}
	answers = answers[:len(answers)-1] // it shows the token, this once
	shown := len(answers)
	id := member(group.body, "id")
	send(http.StatusOK, "GET", "/v1/groups/"+id, "")
	send(http.StatusOK, "PATCH", "/v1/groups/"+id, `{"name":"Example 2"}`)
	send(http.StatusOK, "GET", "/v1/groups", "")
	send(http.StatusOK, "GET", "/v1/changes", "")

	for i, a := range answers {
		if strings.Contains(a.body, canary) || (i >= shown && strings.Contains(a.body, token)) {
			t.Errorf("an answer shows a secret: %s", a.body)
		}
	}
	found := false
	look := func(when string) {
		t.Helper()
		for _, root := range []string{dir, files} {
			err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
				if errors.Is(err, fs.ErrNotExist) { // a temporary file of PostgreSQL
					return nil
				}
				if err != nil || !d.Type().IsRegular() {
					return err
				}
				text, err := os.ReadFile(path)
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
				found = found || bytes.Contains(text, []byte(control))
				if bytes.Contains(text, []byte(canary)) || bytes.Contains(text, []byte(token)) {
					t.Errorf("%s: a secret is in %s", when, filepath.Base(path))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	look("while the server runs")
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	look("when it has ended")
	if !found {
		t.Error("the value that is not secret was not found either")
	}
	if log := s.log.String(); strings.Contains(log, canary) || strings.Contains(log, token) {
		t.Errorf("the log shows a secret:\n%s", log)
	}
}

// member returns a text member of a JSON text, "" if it has none.
func member(s, name string) string {
	_, s, _ = strings.Cut(s, `"`+name+`":"`)
	s, _, found := strings.Cut(s, `"`)
	if !found {
		return ""
	}
	return s
}
