package vendors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	maxAnswer = 64 << 20        // bytes
	timeLimit = 2 * time.Minute // of a request
	firstWait = time.Second
	longWait  = time.Minute

	// For how long an answer is waited for between tries: of an API that has ever answered, and
	// of one that may not be there at all.
	patience       = 15 * time.Minute
	littlePatience = 30 * time.Second
)

// client asks a vendor's API.
type client struct {
	http  *http.Client
	base  *url.URL
	auth  func(h http.Header, token string)
	token string
	login *login // nil: the token is all there is
	pace  *pace
	log   *slog.Logger

	answered bool // ever, with whatever status
}

// login is an account of MagickMind.
type login struct{ email, password string }

// withoutRedirects returns a client like the given one that follows no redirect: headers with
// tokens would follow it to any host.
func withoutRedirects(c *http.Client) *http.Client {
	follow := http.Client{Timeout: timeLimit}
	if c != nil {
		follow = *c
	}
	follow.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &follow
}

// statusError is the error of an answer that is not 200.
type statusError struct {
	status int
	wait   time.Duration // that the answer asks for
}

// Error implements error.
func (e *statusError) Error() string {
	switch e.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Sprintf("the vendor's API does not accept the credential (%d)", e.status)
	}
	return fmt.Sprintf("the vendor's API answered with %d", e.status)
}

func isStatus(err error, status int) bool {
	e, ok := errors.AsType[*statusError](err)
	return ok && e.status == status
}

// passes reports whether the error of a try may be gone at the next one.
func passes(err error) bool {
	e, ok := errors.AsType[*statusError](err)
	return !ok || e.status == http.StatusTooManyRequests || e.status == http.StatusRequestTimeout || e.status >= 500
}

// get returns the answer to GET for a path and query behind the base. It waits and tries again
// for as long as patience says.
func (c *client) get(ctx context.Context, path string) ([]byte, error) {
	if c.token == "" {
		if err := c.logIn(ctx); err != nil {
			return nil, err
		}
	}
	body, err := c.insist(ctx, http.MethodGet, path, nil)
	if c.login != nil && isStatus(err, http.StatusUnauthorized) { // the token has expired
		if err := c.logIn(ctx); err != nil {
			return nil, err
		}
		body, err = c.insist(ctx, http.MethodGet, path, nil)
	}
	return body, err
}

// logIn gets a token from MagickMind.
func (c *client) logIn(ctx context.Context) error {
	c.token = ""
	request, err := json.Marshal(map[string]string{"email": c.login.email, "password": c.login.password})
	if err != nil {
		return err
	}
	body, err := c.insist(ctx, http.MethodPost, "/v1/auth/login", request)
	if isStatus(err, http.StatusBadRequest) { // so it answers wrong credentials
		return fmt.Errorf("-api-login: %w", &statusError{status: http.StatusUnauthorized})
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	if err == nil && (json.Unmarshal(body, &answer) != nil || answer.Token == "") {
		err = errors.New("the vendor's login answered without a token")
	}
	c.token = answer.Token
	return err
}

// insist sends a request until it is answered.
func (c *client) insist(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	var waited time.Duration
	for wait := firstWait; ; wait = min(2*wait, longWait) {
		answer, err := c.try(ctx, method, path, body)
		if err == nil || ctx.Err() != nil || !passes(err) {
			return answer, ended(ctx, err)
		}
		pause := wait/2 + rand.N(wait/2)
		if refused, ok := errors.AsType[*statusError](err); ok && refused.wait > 0 {
			pause = refused.wait
		}
		limit := littlePatience
		if c.answered {
			limit = patience
		}
		if waited += pause; waited > limit {
			return nil, fmt.Errorf("%w; given up after %v", err, limit)
		}
		if c.log != nil {
			c.log.WarnContext(ctx, "the vendor's API is waited for", slog.Duration("wait", pause.Round(100*time.Millisecond)), slog.Any("error", err))
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// ended returns the error of a context that ended, else err.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// try sends a request once.
func (c *client) try(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	if err := c.pace.wait(ctx); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base.String()+path, bytes.NewReader(body))
	if err != nil {
		return nil, errPosition // the base is an address
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "rollbook")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		c.auth(r.Header, c.token)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // without the address, which may name a user
		}
		return nil, fmt.Errorf("the vendor's API: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	c.answered = true
	if answer.StatusCode != http.StatusOK {
		return nil, &statusError{answer.StatusCode, retryAfter(answer.Header.Get("Retry-After"))}
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the vendor's API: %w", err)
	case len(text) > maxAnswer:
		return nil, fmt.Errorf("the vendor's API: an answer of more than %d MiB", maxAnswer>>20)
	case !json.Valid(text):
		return nil, errors.New("the vendor's API: the answer is not JSON, or was cut off")
	}
	return text, nil
}

// retryAfter reads the header: seconds or a date. It is 0 if there is none.
func retryAfter(text string) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), int(24*time.Hour/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// sleep waits, unless the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
