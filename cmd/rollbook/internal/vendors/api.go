package vendors

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// API is the flags that name a vendor's API. Commands embed it. If it is not Given, the rows come
// from files.
type API struct {
	API         bool   `name:"api" help:"Ask the vendor's API instead of reading files. Sensay's lists no users: FILE names them there, an ID on each line."`
	APIURL      string `name:"api-url" placeholder:"URL" help:"Ask the API at this address, as in https://HANDLE.ada.support/api. By default the one address that the vendor has."`
	APIToken    string `name:"api-token" setting:"" secret:"" placeholder:"TOKEN" help:"The token for the vendor's API. Others can read a program's arguments: set ROLLBOOK_API_TOKEN or ROLLBOOK_API_TOKEN_FILE."`
	APILogin    string `name:"api-login" setting:"" placeholder:"EMAIL" help:"The account that logs in to MagickMind, whose tokens live for minutes, instead of a token."`
	APIPassword string `name:"api-password" setting:"" secret:"" placeholder:"PASSWORD" help:"Its password. Set ROLLBOOK_API_PASSWORD or ROLLBOOK_API_PASSWORD_FILE."`
	APIRate     string `name:"api-rate" placeholder:"RATE" help:"How often the API is asked at most: 10/s, 180/m, or off. By default as often as the vendor allows."`

	Client *http.Client `kong:"-"` // nil: one with a time limit
	Log    *slog.Logger `kong:"-"` // gets a line when the vendor has to be waited for; nil: none
}

// Given reports whether an API is to be asked.
func (a *API) Given() bool { return a.API || a.APIURL != "" }

// Check returns what is wrong with the flags, if the rows come from the API of a format.
func (a *API) Check(f Format) error {
	v := f.vendor()
	_, err := a.client(f, &v)
	return err
}

// vendor is what is known of a vendor's API.
type vendor struct {
	url   string // "" where every customer has another one
	first string // path and query of the first page; "" where nothing lists users
	next  func(p *page) (string, error)
	auth  func(h http.Header, token string)
	rates []rate
}

// vendor returns what is known of the API of a format.
func (f Format) vendor() vendor {
	switch f {
	case Ada: // its rates are those of all routes; the higher ones are promised for single users
		return vendor{first: "/v2/end-users/?limit=100", next: nextOfAda, auth: bearer, rates: []rate{{10, "s"}, {100, "m"}}}
	case MagickMind:
		return vendor{url: "https://api.magickmind.ai", first: magickMindPath, next: nextOfMagickMind, auth: bearer}
	case Explo:
		return vendor{url: "https://api.explo.co", first: exploPath(1), next: nextOfExplo, auth: exploToken, rates: []rate{{180, "m"}}}
	case Sensay:
		return vendor{url: "https://api.sensay.io", auth: organizationSecret}
	}
	return vendor{}
}

func bearer(h http.Header, token string) { h.Set("Authorization", "Bearer "+token) }

func exploToken(h http.Header, token string) { h.Set("Explo-Authorization", "Token "+token) }

func organizationSecret(h http.Header, token string) {
	h.Set("X-Organization-Secret", token)
	h.Set("X-Api-Version", "2025-03-25")
}

// Open returns the rows of the API. After is the Position of a row up to which rows were imported,
// "" for none. Its errors are about the flags.
//
// Sensay has no route that lists users: ids names them, one ID on each line. The other vendors
// need no ids.
func (a *API) Open(f Format, ids io.Reader, after string) (Source, error) {
	v := f.vendor()
	c, err := a.client(f, &v)
	if err != nil {
		return nil, err
	}
	if v.first != "" {
		first, err := afterPage(f, v.first, after)
		return &pages{format: f, client: c, turn: v.next, path: first}, err
	}
	if ids == nil {
		return nil, fmt.Errorf("the API of %s lists no users: give the file that names them, one ID on each line", f)
	}
	skip, err := afterRow(f, after)
	return &named{format: f, client: c, ids: ids, after: skip}, err
}

// client returns the client of the API.
func (a *API) client(f Format, v *vendor) (*client, error) {
	address := cmp.Or(a.APIURL, v.url)
	base, err := url.Parse(strings.TrimRight(address, "/"))
	switch {
	case address == "":
		return nil, fmt.Errorf("-api-url: %s has an address for each customer; give yours", f)
	case err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("-api-url: not an address such as https://api.example.com")
	case base.Scheme != "https" && (base.Scheme != "http" || !isLoopback(base.Hostname())):
		return nil, errors.New("-api-url: not https: the token would go over the network in clear")
	}
	c := &client{base: base, auth: v.auth, log: a.Log}
	switch {
	case f == MagickMind && a.APILogin != "":
		c.login = &login{a.APILogin, a.APIPassword}
	case f == MagickMind && a.APIToken == "":
		return nil, errors.New("-api-token or -api-login: none given")
	case a.APIToken == "":
		return nil, errors.New("-api-token: none given")
	case strings.ContainsFunc(a.APIToken, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("-api-token: has characters that no token has")
	default:
		c.token = a.APIToken
	}
	rates, err := a.rates(v.rates)
	c.pace = newPace(rates)
	c.http = withoutRedirects(a.Client)
	return c, err
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
