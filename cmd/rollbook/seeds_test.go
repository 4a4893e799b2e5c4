package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// TestSeeds sends the requests in the documents of the four products as they are printed,
// except host and token. The answers must have the documented status, and at least the
// members and types of the printed answers.
func TestSeeds(t *testing.T) {
	for _, s := range stores()[:3] {
		t.Run(s.name, func(t *testing.T) {
			url := start(t, keyFlag, "-store", s.make(t)).url

			t.Run("magickmind", func(t *testing.T) {
				a := seed(t, "magickmind", url+"/magickmind", nil)
				wantSeed(t, a, http.StatusCreated, example(t, "magickmind"))
			})
			t.Run("explo", func(t *testing.T) {
				made := ask(t, "POST", url+"/explo/api/create_user_group/", `{"user_group_id":"example_1","name":"Example 1"}`, "Authorization", "Token "+testKey)
				var group struct {
					UserGroup struct {
						Token string `json:"token"`
					} `json:"user_group"`
				}
				if err := json.Unmarshal([]byte(made.body), &group); err != nil || len(group.UserGroup.Token) != 64 {
					t.Fatalf("%d %s: %v", made.status, made.body, err)
				}
				current := func(body string) string {
					return strings.Replace(body, `"current_token": ""`, `"current_token": "`+group.UserGroup.Token+`"`, 1)
				}
				wantSeed(t, seed(t, "explo", url+"/explo", current), http.StatusOK, example(t, "explo"))
				if again := seed(t, "explo", url+"/explo", current); again.status != http.StatusNotFound {
					t.Errorf("the old token: %d %s", again.status, again.body)
				}
				if empty := seed(t, "explo", url+"/explo", nil); empty.status != http.StatusBadRequest {
					t.Errorf("to the letter, with an empty token: %d %s", empty.status, empty.body)
				}
			})
			t.Run("sensay", func(t *testing.T) {
				wantSeed(t, seed(t, "sensay", url+"/sensay", nil), http.StatusOK, example(t, "sensay"))
				wantSeed(t, seed(t, "sensay", url+"/sensay", nil), http.StatusConflict, example(t, "sensay-409"))
			})
			t.Run("ada", func(t *testing.T) {
				// The example shows another user, who has more. Members that this user
				// lacks are null, as the document's types allow, and the keys of metadata
				// are the user's own.
				want, _ := example(t, "ada").(map[string]any)
				profile, _ := want["profile"].(map[string]any)
				profile["display_name"], profile["avatar"], profile["metadata"] = nil, nil, map[string]any{"region": "", "plan_type": ""}
				profile["system_properties"] = map[string]any{"sunshine_user_id": nil}
				wantSeed(t, seed(t, "ada", url+"/ada", nil), http.StatusCreated, want)
			})
		})
	}
}

// seed sends the request of a document to one of our servers. Change may change the body.
func seed(t *testing.T, name, url string, change func(string) string) answer {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "seeds", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	c := readCurl(t, strings.NewReplacer("<token>", testKey, "$API_KEY", testKey).Replace(string(text)))
	c.url = regexp.MustCompile(`^https://[^/]+`).ReplaceAllString(c.url, url)
	if change != nil {
		c.body = change(c.body)
	}
	return c.send(t)
}

// curl is the request of a curl command.
type curl struct {
	method, url, body string
	header            http.Header
}

// readCurl reads a curl command as a shell and curl do, as far as these tests need it.
func readCurl(t *testing.T, text string) curl {
	t.Helper()
	words := regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"\\]+`).FindAllString(text, -1)
	if len(words) == 0 || words[0] != "curl" {
		t.Fatalf("no command: %q", text)
	}
	c := curl{method: http.MethodPost, header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
	for i := 1; i < len(words); i++ {
		value := func() string { i++; return strings.Trim(words[i], words[i][:1]) } // without its quotes
		switch words[i] {
		case "-i", "--location":
		case "--request":
			i++
			c.method = words[i]
		case "-H", "--header":
			name, text, _ := strings.Cut(value(), ": ")
			c.header.Set(name, text)
		case "-d", "--data", "--data-raw":
			c.body = value()
		default:
			c.url = strings.Trim(words[i], `'"`)
		}
	}
	return c
}

func (c curl) send(t *testing.T) answer {
	t.Helper()
	r, err := http.NewRequest(c.method, c.url, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = c.header
	a, err := do(newClient(t, 1), r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func example(t *testing.T, name string) any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "seeds", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func wantSeed(t *testing.T, a answer, status int, example any) {
	t.Helper()
	var have any
	if err := json.Unmarshal([]byte(a.body), &have); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	faults := apitest.Lacks("body", example, have)
	if a.status != status || len(faults) > 0 {
		t.Errorf("%d %s: want %d, %q", a.status, a.body, status, faults)
	}
}
