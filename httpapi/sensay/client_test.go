package sensay_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// client speaks the vendor's API as its documents have it, over a real connection.
// It was written from them alone: what it knows it did not learn from this package.
type client struct {
	base     string
	secret   string
	user     string // the user it acts as, if not empty
	userType string // the type of the account that user is
	version  string // "-": none is sent
	kind     string // of the bodies; "": application/json
	coding   string // of the bodies; those of "gzip" are compressed
	ledger   *apitest.Ledger
}

// userRequest is the body of a create and of an update. What is nil is not sent; no
// member is nullable.
type userRequest struct {
	Name           *string          `json:"name,omitempty"`
	Email          *string          `json:"email,omitempty"`
	ID             *string          `json:"id,omitempty"`
	LinkedAccounts *[]linkedAccount `json:"linkedAccounts,omitempty"`
}

type linkedAccount struct {
	AccountID   string `json:"accountID"`
	AccountType string `json:"accountType"`
}

// endUser is the body of an answer. Name and e-mail are absent if there is none.
type endUser struct {
	Success        bool            `json:"success"`
	ID             string          `json:"id"`
	Name           *string         `json:"name"`
	Email          *string         `json:"email"`
	LinkedAccounts []linkedAccount `json:"linkedAccounts"`
}

// UnmarshalJSON refuses what the schema does not allow: nulls, accounts of another
// type, and an answer without what is required.
func (u *endUser) UnmarshalJSON(text []byte) error {
	type plain endUser
	if err := json.Unmarshal(text, (*plain)(u)); err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	for name, raw := range members {
		if string(raw) == "null" {
			return errors.New(name + " is null")
		}
	}
	if u.ID == "" || !u.Success || u.LinkedAccounts == nil {
		return errors.New("id, success or linkedAccounts is missing")
	}
	for _, a := range u.LinkedAccounts {
		if a.AccountID == "" || a.AccountType != "discord" && a.AccountType != "telegram" && a.AccountType != "embed" {
			return fmt.Errorf("an account is %+v", a)
		}
	}
	return nil
}

// apiError is what the vendor answers instead. Its schema has no other members.
type apiError struct {
	Status         int             `json:"-"`
	Success        *bool           `json:"success"`
	Text           string          `json:"error"`
	ErrorCode      string          `json:"error_code"`
	Fingerprint    string          `json:"fingerprint"`
	RequestID      string          `json:"request_id"`
	InnerException *innerException `json:"inner_exception"`

	header http.Header
}

type innerException struct {
	Name    string `json:"name"`
	Message string `json:"message"`
	Cause   string `json:"cause"`
	Stack   string `json:"stack"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.ErrorCode, e.Text) }

func readError(resp *http.Response, text []byte) error {
	e := apiError{Status: resp.StatusCode, header: resp.Header}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return fmt.Errorf("%d: %w in %s", resp.StatusCode, err, text)
	}
	if e.Success == nil || *e.Success || e.Text == "" || e.RequestID == "" {
		return fmt.Errorf("%d is no error: %s", resp.StatusCode, text)
	}
	return &e
}

// request makes a request, whose body is JSON unless it is a reader's.
func (c *client) request(method, path string, body any) (*http.Request, error) {
	var raw []byte
	switch body := body.(type) {
	case nil:
	case io.Reader:
		text, err := io.ReadAll(body)
		if err != nil {
			return nil, err
		}
		raw = text
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		raw = text
	}
	if c.coding == "gzip" {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		if _, err := w.Write(raw); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		raw = packed.Bytes()
	}
	r, err := http.NewRequestWithContext(context.Background(), method, c.base+path, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	kind := c.kind
	if kind == "" {
		kind = "application/json" // it has to be sent on all requests
	}
	for name, value := range map[string]string{
		"X-ORGANIZATION-SECRET": c.secret, "X-USER-ID": c.user, "X-USER-ID-TYPE": c.userType,
		"X-API-Version": c.version, "Content-Type": kind, "Content-Encoding": c.coding,
	} {
		if value == "" && name == "X-API-Version" {
			value = "2025-03-25"
		}
		if value != "" && value != "-" {
			r.Header.Set(name, value)
		}
	}
	return r, nil
}

// call sends a request and reads an answer of the documented status.
func (c *client) call(operation, method, path string, body, to any, success int) error {
	r, err := c.request(method, path, body)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	c.ledger.Add(operation, resp.StatusCode)
	if version := resp.Header.Get("X-API-Version"); version != "2025-03-25" {
		return fmt.Errorf("%s %s: %d of version %q", method, path, resp.StatusCode, version)
	}
	switch {
	case resp.StatusCode >= http.StatusBadRequest:
		return readError(resp, text)
	case resp.StatusCode != success:
		return fmt.Errorf("%s %s: status %d, want %d", method, path, resp.StatusCode, success)
	case to == nil && len(text) > 0:
		return fmt.Errorf("%s %s: a body: %s", method, path, text)
	case to == nil:
		return nil
	case !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json"):
		return fmt.Errorf("%s %s: content type %q", method, path, resp.Header.Get("Content-Type"))
	}
	if err := json.Unmarshal(text, to); err != nil {
		return fmt.Errorf("%s %s: %w in %s", method, path, err, text)
	}
	return nil
}

// The operations. A body may also be an io.Reader, which is sent as it is.

func (c *client) create(body any) (u endUser, err error) {
	err = c.call("create", http.MethodPost, "/v1/users", body, &u, http.StatusOK)
	return u, err
}

func (c *client) get(id string) (u endUser, err error) {
	err = c.call("get", http.MethodGet, "/v1/users/"+url.PathEscape(id), nil, &u, http.StatusOK)
	return u, err
}

func (c *client) me() (u endUser, err error) {
	err = c.call("me", http.MethodGet, "/v1/users/me", nil, &u, http.StatusOK)
	return u, err
}

func (c *client) updateMe(body any) (u endUser, err error) {
	err = c.call("update me", http.MethodPut, "/v1/users/me", body, &u, http.StatusOK)
	return u, err
}

func (c *client) deleteMe() error {
	return c.call("delete me", http.MethodDelete, "/v1/users/me", nil, nil, http.StatusNoContent)
}
