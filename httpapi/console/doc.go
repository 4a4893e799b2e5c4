// Package console is a website for the people who look after a tenant's end users: who is this
// user, what happened, did the customer's system hear of it? It shows and changes what the
// native routes of package httpapi do, with the same credentials and the same rights.
//
//	pages, err := console.New(users, tokens.Authenticate, nil)
//	mux.Handle("/console/", http.StripPrefix("/console", pages))
//
// Pages are rendered on the server and work without JavaScript, but for the live feed. With it,
// htmx (https://htmx.org, version 4.0.1, in this package) replaces parts of a page. Nothing is
// loaded from elsewhere, and every link is relative, so that the console works under any prefix,
// also behind a proxy that changes it. The prefix has to be stripped, whatever the router;
// otherwise each page answers 404. A proxy that removes the prefix has to redirect /console to
// /console/ itself, as most do, and must pass on the Host header: over plain HTTP, the console
// tells its own POSTs from those of other sites by it.
//
// # Signing in
//
// Somebody signs in with a credential: the Authenticator gets it as from a request of the native
// API, and decides the tenant, the environment and the actor. It is asked again at every request,
// so that a credential that is revoked ends at the next one. The credential itself is kept in
// [Options].Sessions, sealed (AES-256-GCM) under a key that only the browser's cookie leads to;
// the cookie never holds it. If the Authenticator accepts a request without a credential, because
// the host has a login of its own, nobody is asked to sign in, and signing out is left to the host.
// Signing in counts as one request of the credential. Wrong credentials are not counted: let them
// be long and random, as for the API.
//
// Another site cannot send requests in somebody's name: every POST is checked by
// [http.CrossOriginProtection], and the cookie is HttpOnly, SameSite=Lax and, over TLS, Secure.
//
// # What is shown
//
// Each page and each button needs the right to the action of the native route that does the same;
// see Options.Authorize of package httpapi. What a credential may not do is not on the page, and
// refused if it is sent nevertheless. A new token is shown once. Sensitive values are never shown.
// Of a webhook's URL, the query and long parts of the path are cut, since services put secrets
// there. Only its own page shows it whole, and only to those who have the right to updateWebhook.
//
// The live feed is a request that waits for 25 s at most, or until [Options].Closing is closed. At
// most four of one credential and actor wait at once; another is answered with 429.
//
// The console reads through package enduser alone, within limits: a page waits for the store at
// most [Options].ReadFor, the overview at most [Options].OverviewFor. A page says which of its
// figures, or how much of a history, could not be read in this time.
package console
