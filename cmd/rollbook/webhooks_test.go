package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser/webhook"
)

// TestWebhooks: what is written is sent to the tenant's webhooks, signed.
func TestWebhooks(t *testing.T) {
	type request struct {
		header http.Header
		body   []byte
	}
	came := make(chan request, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		came <- request{r.Header, body}
	}))
	defer receiver.Close()
	spec := `{"url":"` + receiver.URL + `"}`
	if a := mustSend(t, "POST", start(t, "-store", "memory:", keyFlag).url+"/v1/webhooks", testKey, spec); a.status != http.StatusBadRequest {
		t.Errorf("an http URL without the flag: %d %s", a.status, a.body)
	}
	s := start(t, "-store", "memory:", "-webhook-insecure", keyFlag)
	hook := mustSend(t, "POST", s.url+"/v1/webhooks", testKey, spec)
	if hook.status != http.StatusCreated {
		t.Fatalf("%d %s", hook.status, hook.body)
	}
	made := mustMake(t, s.url, "crm-7", http.StatusCreated)
	select {
	case got := <-came:
		if err := webhook.Verify(got.header, got.body, member(hook.body, "secret")); err != nil {
			t.Error(err)
		}
		if !strings.Contains(string(got.body), `"end_user.created"`) || !strings.Contains(string(got.body), made.ID) {
			t.Errorf("%s", got.body)
		}
	case <-time.After(time.Minute):
		t.Error("nothing was sent")
	}
}
