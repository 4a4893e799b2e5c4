package httpapi

import (
	_ "embed" // for the document
	"net/http"
)

// OpenAPI is the OpenAPI 3.1 document of the native routes.
//
//go:embed openapi.json
var openAPI []byte

func serveOpenAPI(c *call) error { return c.JSON(http.StatusOK, append(c.Buffer(), openAPI...)) }
