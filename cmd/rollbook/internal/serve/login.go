package serve

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
)

const (
	refreshLife = 30 * time.Minute
	maxSessions = 10_000 // of one account
)

// logins are the accounts of -login, which may log in at the MagickMind routes, and the keys
// whose rights they get. It implements magickmind.Login.
type logins struct {
	accounts     []*account
	now          func() time.Time
	authenticate httpapi.Authenticator
	signers      map[string]*signer // by kid, one for each account's key
}

// account may log in.
type account struct {
	email    string
	password [sha256.Size]byte
	key      string
	signer   *signer

	mu       sync.Mutex
	sessions map[[sha256.Size]byte]time.Time // when they end, by the hash of the refresh token
}

// newLogins reads the accounts. They can log in when open has been called. Its errors show none.
func newLogins(flags []string, now func() time.Time) (*logins, error) {
	l := &logins{now: now}
	for _, value := range flags {
		rest, key, ok := cutLast(value, "=")
		email, password, both := strings.Cut(rest, ":")
		if !ok || !both || email == "" || password == "" || key == "" {
			return nil, errors.New("-login: must be EMAIL:PASSWORD=KEY")
		}
		l.accounts = append(l.accounts, &account{
			email: email, password: sha256.Sum256([]byte(password)), key: key,
			sessions: make(map[[sha256.Size]byte]time.Time),
		})
	}
	return l, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	at := strings.LastIndex(s, sep)
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+len(sep):], true
}

// open makes the signers. It returns an error if the key of an account is not the server's.
func (l *logins) open(authenticate httpapi.Authenticator) error {
	l.authenticate, l.signers = authenticate, make(map[string]*signer)
	for i, a := range l.accounts {
		if _, err := authenticate(nil, a.key); err != nil {
			return fmt.Errorf("-login: the key of account %d is not one of the server's", i+1)
		}
		var err error
		if a.signer, err = newSigner(a.key); err != nil {
			return fmt.Errorf("-login: %w", err)
		}
		l.signers[a.signer.kid] = a.signer
	}
	return nil
}

// Login implements magickmind.Login. It compares every account, so that its time does not
// tell which one matched.
func (l *logins) Login(_ context.Context, email string, password magickmind.Secret) (magickmind.Session, error) {
	sum := sha256.Sum256([]byte(password.Reveal()))
	var found *account
	for _, a := range l.accounts {
		if subtle.ConstantTimeCompare(a.password[:], sum[:]) == 1 && strings.EqualFold(a.email, email) {
			found = a
		}
	}
	if found == nil {
		return magickmind.Session{}, magickmind.ErrCredentials
	}
	return l.begin(found)
}

// Refresh implements magickmind.Login. A refresh token works once: package magickmind calls
// this once for all clients that send it at the same time.
func (l *logins) Refresh(_ context.Context, token magickmind.Secret) (magickmind.Session, error) {
	sum, now := sha256.Sum256([]byte(token.Reveal())), l.now()
	for _, a := range l.accounts {
		if a.end(sum, now) {
			return l.begin(a)
		}
	}
	return magickmind.Session{}, magickmind.ErrCredentials
}

// end ends a session, and reports whether there was one.
func (a *account) end(sum [sha256.Size]byte, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	ends := a.sessions[sum]
	delete(a.sessions, sum)
	return now.Before(ends)
}

// begin returns a new session of an account. There is none if its key is not the server's any
// more.
func (l *logins) begin(a *account) (magickmind.Session, error) {
	p, err := l.authenticate(nil, a.key)
	if err != nil {
		return magickmind.Session{}, magickmind.ErrCredentials
	}
	now := l.now()
	access, err := a.signer.sign(p.Tenant, now)
	if err != nil {
		return magickmind.Session{}, err
	}
	refresh := rand.Text()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.makeRoom(now)
	a.sessions[sha256.Sum256([]byte(refresh))] = now.Add(refreshLife)
	return magickmind.Session{
		AccessToken: magickmind.NewSecret(access), ExpiresIn: accessLife,
		RefreshToken: magickmind.NewSecret(refresh), RefreshExpiresIn: refreshLife,
		SessionState: rand.Text(),
	}, nil
}

// makeRoom makes room for a session of an account that has as many as it may. It removes
// expired sessions or, without one, the session that ends first.
func (a *account) makeRoom(now time.Time) {
	if len(a.sessions) < maxSessions {
		return
	}
	var first [sha256.Size]byte
	for sum, ends := range a.sessions {
		if !now.Before(ends) {
			delete(a.sessions, sum)
		} else if last := a.sessions[first]; last.IsZero() || ends.Before(last) {
			first = sum
		}
	}
	if len(a.sessions) >= maxSessions {
		delete(a.sessions, first)
	}
}
