package console

import (
	"io/fs"
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
	return call.Send(http.StatusOK, assetType(name), append(call.Buffer(), text...))
}

// assetType returns the content type of an asset. The table of package mime is the system's, which
// may call a script something else, so that browsers do not run it.
func assetType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	}
	return "image/svg+xml"
}
