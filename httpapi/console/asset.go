package console

import (
	"io/fs"
	"mime"
	"net/http"
	"path"

	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// asset answers a file. Its address has the hash of all of them, so that browsers need not ask
// again.
func (c *console) asset(call *family.Call) error {
	name := call.PathValue("file")
	text, err := fs.ReadFile(c.assets, name)
	if err != nil {
		return rest.NotFound()
	}
	if call.Request.URL.Query().Get("v") == c.assetsHash {
		call.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	return call.Send(http.StatusOK, mime.TypeByExtension(path.Ext(name)), append(call.Buffer(), text...))
}
