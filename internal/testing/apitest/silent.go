package apitest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
)

// Silent sends requests while a store works, fails and panics. The log must have lines by
// then, and none with the word canary, a secret or the credential Acme.
func Silent(tb testing.TB, st *faultstore.Store, log *bytes.Buffer, send func(), secrets ...string) {
	tb.Helper()
	send()
	st.Fail(errors.New("the store is on fire"))
	send()
	st.Panics.Store(true)
	send()
	if log.Len() == 0 {
		tb.Fatal("failures of the server are not logged")
	}
	for _, secret := range append(secrets, "canary", Acme) {
		if strings.Contains(strings.ToLower(log.String()), secret) {
			tb.Errorf("the log has %q:\n%s", secret, log.String())
		}
	}
}
