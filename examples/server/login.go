package main

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
	accessLife  = 5 * time.Minute // what clients are told; keys do not expire
	refreshLife = 30 * time.Minute
	maxSessions = 10_000
)

// loginFlags are the accounts of the -login flags: who may log in at the
// MagickMind routes, and the key that they get. It is a magickmind.Login.
type loginFlags struct {
	accounts []account
	err      error            // of the first that was refused
	now      func() time.Time // the clock

	mu       sync.Mutex
	sessions map[[sha256.Size]byte]session // by the hash of the refresh token
}

// account is one that may log in.
type account struct {
	email    string
	password [sha256.Size]byte
	key      string
}

type session struct {
	key  string
	ends time.Time
}

// String implements flag.Value. Passwords and keys are not shown.
func (l *loginFlags) String() string { return "" }

// Set implements flag.Value. It never fails: package flag would print the value,
// which is secret.
func (l *loginFlags) Set(value string) error {
	rest, key, ok := cutLast(value, "=")
	email, password, both := strings.Cut(rest, ":")
	if !ok || !both || email == "" || password == "" || key == "" {
		if l.err == nil {
			l.err = errors.New("-login: must be EMAIL:PASSWORD=KEY")
		}
		return nil
	}
	l.accounts = append(l.accounts, account{email, sha256.Sum256([]byte(password)), key})
	return nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	at := strings.LastIndex(s, sep)
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+len(sep):], true
}

// check refuses accounts whose keys are none of the server's.
func (l *loginFlags) check(keys map[string]httpapi.Principal) error {
	for i, a := range l.accounts {
		if _, ok := keys[a.key]; !ok {
			return fmt.Errorf("-login: the key of account %d is not one of -key", i+1)
		}
	}
	return l.err
}

// Login implements magickmind.Login. It looks at every account, whichever is right.
func (l *loginFlags) Login(_ context.Context, email string, password magickmind.Secret) (magickmind.Session, error) {
	sum := sha256.Sum256([]byte(password.Reveal()))
	key := ""
	for _, a := range l.accounts {
		if subtle.ConstantTimeCompare(a.password[:], sum[:]) == 1 && strings.EqualFold(a.email, email) {
			key = a.key
		}
	}
	if key == "" {
		return magickmind.Session{}, magickmind.ErrCredentials
	}
	return l.begin(key), nil
}

// Refresh implements magickmind.Login. A refresh token works once.
func (l *loginFlags) Refresh(_ context.Context, token magickmind.Secret) (magickmind.Session, error) {
	sum := sha256.Sum256([]byte(token.Reveal()))
	l.mu.Lock()
	s, ok := l.sessions[sum]
	delete(l.sessions, sum)
	l.mu.Unlock()
	if !ok || !l.now().Before(s.ends) {
		return magickmind.Session{}, magickmind.ErrCredentials
	}
	return l.begin(s.key), nil
}

// begin returns a new session.
func (l *loginFlags) begin(key string) magickmind.Session {
	token, now := rand.Text(), l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for sum, s := range l.sessions { // few: who logs in is limited
		if len(l.sessions) >= maxSessions || !now.Before(s.ends) {
			delete(l.sessions, sum)
		}
	}
	if l.sessions == nil {
		l.sessions = make(map[[sha256.Size]byte]session)
	}
	l.sessions[sha256.Sum256([]byte(token))] = session{key, now.Add(refreshLife)}
	return magickmind.Session{
		AccessToken: magickmind.NewSecret(key), ExpiresIn: accessLife,
		RefreshToken: magickmind.NewSecret(token), RefreshExpiresIn: refreshLife,
		SessionState: rand.Text(),
	}
}
