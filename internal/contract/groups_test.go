package contract_test

import (
	"encoding/json"
	"testing"
)

const groups = "/v1/groups"

const everyGroup = `{"external_id":"Team-7","name":"Team","metadata":{"region":"eu","deep":{"a":[1,null]}}}`

// groups provokes all answers of groups but those of DELETE. It returns the paths of two
// groups.
func (c *contract) groups(t *testing.T) (first, second string) {
	t.Helper()
	c.do(t, "GET", groups, "", 200)
	w := c.do(t, "POST", groups, everyGroup, 201)
	group, etag := w.Header().Get("Location"), w.Header().Get("ETag")
	var made struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || made.Token == "" {
		t.Fatalf("a new group has no token: %v", err)
	}
	team := c.do(t, "POST", groups, `{"external_id":"team-8"}`, 201).Header().Get("Location")
	c.do(t, "POST", groups, `{"external_id":"Team-7"}`, 409)
	c.do(t, "POST", groups, `{"external_id":"","id":"x"}`, 400)
	c.do(t, "POST", groups, `{`, 400)
	c.withoutKeyring(t, "POST", groups, `{"external_id":"team-9"}`)

	for _, query := range []string{"?limit=1", "?limit=2&order=desc", "?external_id=Team-7", "?external_id=unknown"} {
		c.do(t, "GET", groups+query, "", 200)
	}
	for _, query := range []string{"?limit=0&order=x", "?after=x", "?external_id=%00", "?external_id=a&after=x", "?after=%zz"} {
		c.do(t, "GET", groups+query, "", 400)
	}

	c.do(t, "GET", group, "", 200)
	c.do(t, "POST", groups, `{"external_id":"team-10"}`, 412, header{"If-Match": "*"})
	c.do(t, "GET", group, "", 412, header{"If-Match": `"x"`})
	c.do(t, "GET", group, "", 304, header{"If-None-Match": etag})
	c.do(t, "GET", groups+"/unknown", "", 404)
	c.do(t, "GET", groups+"/%00", "", 400)

	c.do(t, "PATCH", group, `{"name":"New","metadata":{"deep":null,"n":9007199254740993}}`, 200)
	c.do(t, "PATCH", group, `{"name":null,"metadata":null}`, 200, header{"Content-Type": "application/merge-patch+json"})
	c.do(t, "PATCH", group, `{"external_id":"team-7","name":1}`, 400)
	c.do(t, "PATCH", group, `{}`, 412, header{"If-Match": etag})
	c.do(t, "PATCH", groups+"/unknown", `{}`, 404)

	rotate := group + "/rotate"
	c.do(t, "POST", rotate, `{"current_token":"x"}`, 409)
	c.do(t, "POST", rotate, `{"current_token":"`+made.Token+`","overlap_seconds":2592000}`, 200)
	c.do(t, "POST", rotate, `{"current_token":"`+made.Token+`"}`, 409)
	c.do(t, "POST", rotate, `{}`, 200)
	c.do(t, "POST", rotate, `{"overlap_seconds":-1,"current_token":""}`, 400)
	c.do(t, "POST", rotate, `{}`, 412, header{"If-Match": etag})
	c.do(t, "POST", groups+"/unknown/rotate", `{}`, 404)
	c.do(t, "POST", groups+"/%00/rotate", `{}`, 400)
	c.withoutKeyring(t, "POST", rotate, `{}`)
	return group, team
}
