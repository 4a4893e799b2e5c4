package httpapi

import (
	"bytes"
	_ "embed" // for the document
	"net/http"
	"strings"

	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// openAPI is the OpenAPI 3.1 document of the native routes.
//
//go:embed openapi.json
var openAPI []byte

// OpenAPI returns the OpenAPI 3.1 document of the native routes, as GET /openapi.json answers
// it where they are mounted at the root.
func OpenAPI() []byte { return bytes.Clone(openAPI) }

// serveOpenAPI answers the document, with the path under which the host mounted the
// routes as its server.
func serveOpenAPI(c *call) error {
	const server = `"url": `
	prefix := strings.TrimSuffix(c.Target(), "/openapi.json")
	if prefix == "" {
		prefix = "/"
	}
	before, after, _ := bytes.Cut(openAPI, []byte(server+`"/"`))
	b := append(append(c.Buffer(), before...), server...)
	return c.JSON(http.StatusOK, append(jsontext.AppendString(b, prefix), after...))
}
