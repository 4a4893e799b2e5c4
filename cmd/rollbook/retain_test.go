package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
)

// TestRetain: changes stay in the feed for 30 days, or as -retain and -retain-count say.
func TestRetain(t *testing.T) {
	const made, long = 5, 31 * 24 * time.Hour
	for _, test := range []struct {
		name string
		ago  time.Duration // when the users were made
		args []string
		want int // changes that stay; the newest always does
	}{
		{"by default", long, nil, 1},
		{"by default, before that", 29 * 24 * time.Hour, nil, made},
		{"-retain", 2 * time.Hour, []string{"-retain", "1h"}, 1},
		{"-retain-count", time.Minute, []string{"-retain-count", "3"}, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "users.db")
			st := backends.OpenSQLite(t, path)
			for tenant, ago := range map[string]time.Duration{"demo": test.ago, "later": long} {
				users := enduser.New(st, &enduser.Options{Now: func() time.Time { return time.Now().Add(-ago) }})
				for i := range made {
					if _, err := users.Tenant(tenant).Create(t.Context(), enduser.Spec{ExternalID: fmt.Sprint("crm-", i)}); err != nil {
						t.Fatal(err)
					}
				}
			}
			const laterKey = "key-of-later"
			s := start(t, append([]string{keyFlag, "-key", laterKey + "=later", "-rate", "off", "-rate", "off", "-store", "sqlite:" + path}, test.args...)...)
			// Feeds are trimmed in the order of the tenants' names.
			redistest.Until(t, "the other tenant's changes go", func() bool { return countChanges(t, s.url, laterKey) == 1 })
			if n := countChanges(t, s.url, testKey); n != test.want {
				t.Errorf("%d changes, want %d", n, test.want)
			}
		})
	}
}

func countChanges(t *testing.T, url, key string) int {
	t.Helper()
	a := mustSend(t, "GET", url+"/v1/changes", key, "")
	var page struct {
		Data []json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal([]byte(a.body), &page); err != nil || a.status != http.StatusOK {
		t.Fatalf("%d %s %v", a.status, a.body, err)
	}
	return len(page.Data)
}
