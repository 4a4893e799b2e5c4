package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// testKey is a key of tenant demo, and keyFlag the flag that makes it one.
const (
	testKey = "key-of-a-test"
	keyFlag = "-key=" + testKey + "=demo"
)

// answer is what a server answered.
type answer struct {
	status int
	header http.Header
	body   string
}

// user has the members of a user that these tests need.
type user struct {
	ID          string `json:"id"`
	ExternalID  string `json:"external_id"`
	TenantID    string `json:"tenant_id"`
	Environment string `json:"environment"`
	CreatedBy   string `json:"created_by"`
}

func (a answer) user() (user, error) {
	var u user
	if err := json.Unmarshal([]byte(a.body), &u); err != nil {
		return u, fmt.Errorf("%d %q: %w", a.status, a.body, err)
	}
	return u, nil
}

// send makes a request with a key.
func send(client *http.Client, method, url, key, body string) (answer, error) {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return do(client, r)
}

// ask makes a request with a JSON body and one header.
func ask(t *testing.T, method, url, body, name, value string) answer {
	t.Helper()
	return curl{method, url, body, http.Header{"Content-Type": {"application/json"}, name: {value}}}.send(t)
}

func do(client *http.Client, r *http.Request) (answer, error) {
	got, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	return answer{got.StatusCode, got.Header, string(text)}, err
}

func mustSend(t *testing.T, method, url, key, body string) answer {
	t.Helper()
	a, err := send(newClient(t, 1), method, url, key, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// newClient returns a client that keeps a number of connections.
func newClient(t *testing.T, connections int) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: connections}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

func bodyOf(externalID string) string { return fmt.Sprintf(`{"external_id":%q}`, externalID) }

// mustMake creates a user or gets the existing one.
func mustMake(t *testing.T, url, externalID string, status int) user {
	t.Helper()
	a := mustSend(t, "POST", url+"/v1/end-users", testKey, bodyOf(externalID))
	if a.status != status {
		t.Fatalf("POST of %q: %d %s, want %d", externalID, a.status, a.body, status)
	}
	u, err := a.user()
	if err != nil {
		t.Fatal(err)
	}
	return u
}
