package httpapi_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store/memory"
)

// TestSilence: no log line, at any level, has anything personal or secret in it.
func TestSilence(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := &faultstore.Store{Store: memory.New(nil)}
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := newServer(t, f, &httpapi.Options{Logger: logger})
	const body = `{"external_id":"canary-ext","name":"canary-name","email":"canary@example.com","metadata":{"canary-key":"canary-value"},"linked_accounts":[{"type":"canary-type","id":"canary-id"}],"groups":["canary-group"]}`
	const groupBody = `{"external_id":"canary-group","name":"canary-name","metadata":{"canary-key":"canary-value","canary":1}}`
	const sensitive = `{"canary-key":"canary-secret","canary-2":true}`
	u, g := s.create(t, body), s.createGroup(t, groupBody)
	requests := func() {
		for _, r := range [][3]string{
			{"POST", "/v1/end-users?on_conflict=fail", body},
			{"POST", "/v1/end-users", `{"canary":"canary"}`},
			{"PUT", "/v1/end-users/by-external-id/canary-ext", body},
			{"PATCH", "/v1/end-users/" + u.ID, body},
			{"GET", "/v1/end-users?email=canary@example.com&name=canary&external_id=canary&account_type=canary&account_id=canary", ""},
			{"GET", "/v1/end-users/canary", ""},
			{"PUT", "/v1/sensitive/" + u.ID, sensitive},
			{"PATCH", "/v1/sensitive/" + u.ID, sensitive},
			{"PATCH", "/v1/sensitive/" + u.ID, `{"canary key":"canary","canary":[],"c":"` + strings.Repeat("canary", 1000) + `"}`},
			{"POST", "/v1/groups", groupBody},
			{"POST", "/v1/groups", `{"external_id":"<canary>"}`},
			{"GET", "/v1/groups?external_id=canary-group", ""},
			{"PATCH", "/v1/groups/" + g.ID, `{"name":"canary","metadata":{"canary":null}}`},
			{"POST", "/v1/groups/" + g.ID + "/rotate", `{"current_token":"canary"}`},
			{"POST", "/v1/groups/" + g.ID + "/rotate", `{"current_token":"` + g.Token + `"}`},
			{"GET", "/canary?canary", ""},
		} {
			s.do(t, r[0], r[1], r[2], with("Cookie", "canary"))
			s.do(t, r[0], r[1], r[2], as("canary-token"))
		}
	}
	apitest.Silent(t, f, &log, requests, g.Token)
}
