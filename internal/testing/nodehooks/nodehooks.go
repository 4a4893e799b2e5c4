// Package nodehooks verifies requests by another implementation of Standard Webhooks than the
// one that signs them here: npm's standardwebhooks, in node. `make webhooks` gets the package
// and runs the tests that need it; elsewhere they are skipped.
package nodehooks

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"
)

// variable names the folder node_modules that has the package.
const variable = "ROLLBOOK_NODE_MODULES"

//go:embed verify.js
var script string

// Request is a request to be verified.
type Request struct {
	Header http.Header
	Body   []byte
	Secret string
	At     time.Time // when it arrives
}

// Verify verifies requests, and returns for each what is wrong with it, or "".
func Verify(tb testing.TB, requests []Request) []string {
	tb.Helper()
	modules := os.Getenv(variable)
	if modules == "" {
		tb.Skipf("needs node and npm's standardwebhooks: make webhooks (%s is not set)", variable)
	}
	type line struct {
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
		Key     string            `json:"key"`
		At      int64             `json:"at"` // milliseconds
	}
	lines := make([]line, len(requests))
	for i, r := range requests {
		lines[i] = line{map[string]string{}, string(r.Body), r.Secret, r.At.UnixMilli()}
		for name := range r.Header {
			lines[i].Headers[name] = r.Header.Get(name)
		}
	}
	in, err := json.Marshal(lines)
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(tb.Context(), "node", "-e", script)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var wrong []string
	if err == nil {
		err = json.Unmarshal(out, &wrong)
	}
	if err != nil || len(wrong) != len(requests) {
		tb.Fatalf("node: %v, %d answers for %d requests\n%s", err, len(wrong), len(requests), &stderr)
	}
	return wrong
}
