package contract_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

const (
	bulk = users + ":bulk"
	many = users + ":get"
)

// many provokes the answers of the routes of many users, given one of them.
func (c *contract) many(t *testing.T, id, etag string) {
	t.Helper()
	text := func(r io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
		b, err := io.ReadAll(r)
		return string(b), err
	}
	openapi3filter.RegisterBodyDecoder("application/x-ndjson", text)
	openapi3filter.RegisterBodyDecoder("application/jsonl", text)
	lines := header{"Content-Type": "application/x-ndjson"}

	c.do(t, "POST", bulk, `[`+everything+`,{"external_id":"b2","linked_accounts":[{"type":"github","id":"1"}]}]`, 200)
	c.do(t, "POST", bulk, `[{"external_id":"b1"},{"external_id":"b2"}]`, 200)
	c.do(t, "POST", bulk+"?dry_run=true", `[{"external_id":"b1","name":"A"},{"external_id":"b3"}]`, 200)
	c.do(t, "POST", bulk+"?atomic=true", `[{"external_id":"b4"},{"external_id":"b4"}]`, 200)
	c.do(t, "POST", bulk+"?import=true", `[{"id":"kept-1","external_id":"b5","created_at":"2020-01-28T10:43:43Z","created_by":"old"}]`, 200)
	c.do(t, "POST", bulk, "{\"external_id\":\"b6\"}\n{\n{}\n{\"external_id\":\"\"}\n", 200, lines)
	c.do(t, "POST", bulk, "", 200, lines)
	c.do(t, "POST", bulk, `{"external_id":"b7"}`, 200, header{"Content-Type": "application/jsonl"})
	c.do(t, "POST", bulk, `[]`, 200)
	c.do(t, "POST", bulk, `[`, 400)
	c.do(t, "POST", bulk+"?atomic=yes", `[]`, 400)
	c.do(t, "POST", bulk, `[]`, 400, header{"If-Match": etag})
	c.do(t, "POST", bulk, strings.Repeat("{}\n", 10_001), 413, lines)
	c.do(t, "POST", bulk, `[]`, 415, header{"Content-Type": "text/csv"})
	c.do(t, "POST", bulk, strings.Repeat(" ", 32<<20)+`[]`, 413)

	c.do(t, "POST", many, fmt.Sprintf(`{"refs":[{"id":%q},{"external_id":"CRM-7"},{"any_id":"crm-7"},{"email":"ann@example.com"},
		{"linked_account":{"type":"github","id":"1"}},{"id":"none"},{"external_id":"<a>"},{"email":"x"}]}`, id), 200)
	c.do(t, "POST", many, `{"refs":[]}`, 200)
	c.do(t, "POST", many, `{}`, 400)
	c.do(t, "POST", many, `{"refs":[{"name":"x"},1,{}]}`, 400)
	c.do(t, "POST", many, `{"refs":[]}`, 400, header{"If-None-Match": etag})
	c.ask(t, c.hasty, "POST", many, `{"refs":[{"id":"x"}]}`, 503)

	c.faults.Fail(errors.New("down"))
	c.do(t, "POST", bulk, `[{"external_id":"b8"}]`, 503)
	c.faults.Fail(nil)
}
