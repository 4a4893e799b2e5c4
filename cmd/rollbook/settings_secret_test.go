package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
)

// TestSecretsOfSettings: no secret is in the arguments of the process, its log, its metrics or its
// errors, and no personal data either: whichever way the secrets came, whatever was asked, and
// also after a wrong file was read again.
func TestSecretsOfSettings(t *testing.T) {
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys.toml")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(keys, "[[key]]\nname = 'crm'\nsecret = 'hidden-in-keys'\ntenant = 'acme'\nactor = 'hidden-actor'\n")
	write(filepath.Join(dir, "login"), "hidden-ann@example.com:hidden-password=hidden-in-keys\n")
	write(filepath.Join(dir, "rollbook.toml"), "key = ['hidden-in-file=acme']\nkeys = '"+keys+"'\nlog = 'json'\naccess-log = 'on'\nmetrics-addr = '127.0.0.1:0'\nstore = 'sqlite:users.db'\n")

	cmd := process(dir, "serve", "-addr", "127.0.0.1:0", "-config", "rollbook.toml")
	cmd.Env = append(cmd.Env, "ROLLBOOK_LOGIN_FILE="+filepath.Join(dir, "login"))
	log := new(logged)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })()
	defer stop()
	lines := bufio.NewScanner(out)
	var urls []string
	for lines.Scan() {
		if _, url, ok := strings.Cut(lines.Text(), " on "); ok {
			urls = append(urls, url)
		}
		if len(urls) > 0 {
			break
		}
	}
	if len(urls) == 0 {
		t.Fatalf("it does not listen:\n%s", log)
	}

	shown := requestWithSecrets(t, urls[0])
	var metrics []string
	redistest.Until(t, "the log says where the metrics are", func() bool {
		metrics = regexp.MustCompile(`"url":"(http://[^"]*/metrics)"`).FindStringSubmatch(log.String())
		return metrics != nil
	})
	redistest.Until(t, "the metrics count the login", func() bool {
		shown["the metrics"] = mustSend(t, "GET", metrics[1], "", "").body
		return strings.Contains(shown["the metrics"], "/v1/auth/login")
	})
	write(keys, "[[key]]\nname = 'crm'\nsecret = 'hidden-in-keys'\ntenant = 'acme'\nother = 'hidden-other'\n")
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	redistest.Until(t, "the wrong file is logged", func() bool { return strings.Contains(log.String(), "key.other") })
	if runtime.GOOS == "linux" {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", cmd.Process.Pid))
		if err != nil || !strings.Contains(string(line), "rollbook.toml") {
			t.Errorf("%q %v", line, err)
		}
		shown["the arguments"] = string(line)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, log)
	}
	if !strings.Contains(log.String(), `"credential":"crm"`) {
		t.Errorf("the log has no requests:\n%s", log)
	}
	shown["the log"] = log.String()
	for where, text := range shown {
		if strings.Contains(strings.ToLower(text), "hidden") {
			t.Errorf("%s has a secret:\n%s", where, text)
		}
	}
}

// requestWithSecrets makes requests with secrets and personal data in all places, and returns
// what shows what operators see.
func requestWithSecrets(t *testing.T, url string) map[string]string {
	t.Helper()
	shown := make(map[string]string)
	for _, r := range []struct {
		method, path, key, body string
		status                  int
	}{
		{"POST", "/v1/end-users", "hidden-in-keys", `{"external_id":"hidden-id","name":"Hidden Ann","email":"hidden-ann@example.com"}`, http.StatusCreated},
		{"GET", "/v1/end-users/by-external-id/hidden-id", "hidden-in-file", "", http.StatusOK},
		{"GET", "/v1/end-users?email=hidden-ann@example.com", "hidden-in-keys", "", http.StatusOK},
		{"GET", "/v1/end-users/hidden-nobody", "hidden-in-keys", "", http.StatusNotFound},
		{"GET", "/v1/end-users", "hidden-of-nobody", "", http.StatusUnauthorized},
		{"GET", "/hidden/path", "hidden-in-keys", "", http.StatusNotFound},
		{"HIDDEN", "/v1/end-users", "hidden-in-keys", "", http.StatusMethodNotAllowed},
		{"POST", "/magickmind/v1/auth/login", "", `{"email":"hidden-ann@example.com","password":"hidden-wrong"}`, http.StatusBadRequest},
		{"POST", "/magickmind/v1/auth/login", "", `{"email":"hidden-ann@example.com","password":"hidden-password"}`, http.StatusOK},
	} {
		a := mustSend(t, r.method, url+r.path, r.key, r.body)
		if a.status != r.status {
			t.Errorf("%s %s: %d %s", r.method, r.path, a.status, a.body)
		}
		if r.status >= http.StatusBadRequest && r.key != "hidden-in-keys" {
			shown["a refusal"] = a.body
		}
		var session struct {
			AccessToken string `json:"access_token"`
		}
		if json.Unmarshal([]byte(a.body), &session) == nil && session.AccessToken != "" {
			if a := mustSend(t, "GET", url+"/v1/end-users", session.AccessToken, ""); a.status != http.StatusOK {
				t.Errorf("by a login: %d %s", a.status, a.body)
			}
		}
	}
	return shown
}
