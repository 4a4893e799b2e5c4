package vendors

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
)

// API is the flags that name a vendor's API. Commands embed it. If neither the URL nor a
// credential is given, the rows come from files.
type API struct {
	APIURL      string `name:"api-url" placeholder:"URL" help:"The vendor's API, as in https://HANDLE.ada.support/api. By default the one address that the vendor has."`
	APIToken    string `name:"api-token" placeholder:"TOKEN" help:"The token of the vendor's API: give it as ROLLBOOK_API_TOKEN or ROLLBOOK_API_TOKEN_FILE, since other users can read the arguments of a program."`
	APILogin    string `name:"api-login" placeholder:"EMAIL" help:"The account that logs in to MagickMind, instead of a token."`
	APIPassword string `name:"api-password" placeholder:"PASSWORD" help:"Its password: give it as ROLLBOOK_API_PASSWORD or ROLLBOOK_API_PASSWORD_FILE."`
	APIRate     string `name:"api-rate" placeholder:"N/s" help:"How often the API is asked at most: N/s, N/m or off. By default as the vendor allows."`

	Client *http.Client `kong:"-"` // nil: one with sensible limits
	Log    *slog.Logger `kong:"-"` // gets a line when the vendor has to be waited for; nil: none
}

// Given reports whether an API is named.
func (a *API) Given() bool { return a.APIURL != "" || a.APIToken != "" || a.APILogin != "" }

// Open returns the rows of the API. After is the Position of a row up to which rows were imported,
// "" for none.
//
// Sensay has no route that lists users: ids names them, one ID on each line. The other vendors
// need no ids.
func (a *API) Open(f Format, ids io.Reader, after string) (Source, error) {
	return nil, errors.ErrUnsupported
}
