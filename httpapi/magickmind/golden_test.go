package magickmind_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// accounts has one account, whose access token is acme's credential.
type accounts struct{}

func (accounts) Login(_ context.Context, email string, password magickmind.Secret) (magickmind.Session, error) {
	if email != "crm@example.com" || password.Reveal() != "correct horse" {
		return magickmind.Session{}, magickmind.ErrCredentials
	}
	return session(), nil
}

func (accounts) Refresh(_ context.Context, token magickmind.Secret) (magickmind.Session, error) {
	if token.Reveal() != "refresh-0001" {
		return magickmind.Session{}, magickmind.ErrCredentials
	}
	return session(), nil
}

func session() magickmind.Session {
	return magickmind.Session{
		AccessToken: magickmind.NewSecret(apitest.Acme), ExpiresIn: 5 * time.Minute,
		RefreshToken: magickmind.NewSecret("refresh-0001"), RefreshExpiresIn: 30 * time.Minute,
		IDToken: magickmind.NewSecret("id-0001"), SessionState: "session-0001", Scope: "profile email",
	}
}

// TestGolden replays the exchanges of testdata on every backend.
func TestGolden(t *testing.T) {
	apitest.Replay(t, func(tb testing.TB, w *apitest.World) http.Handler {
		tb.Helper()
		h, err := magickmind.New(w.Users, w.Auth, &magickmind.Options{
			Options:   httpapi.Options{MaxBody: 1000},
			Login:     accounts{},
			LoginRate: httpapi.Rate{Requests: 2, Per: time.Hour},
		})
		if err != nil {
			tb.Fatal(err)
		}
		return h
	})
}
