package magickmind_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// client speaks the vendor's API as its documents have it, over a real connection.
// It was written from them alone: what it knows it did not learn from this package.
type client struct {
	base   string
	token  string
	kind   string // of the bodies; "": application/json
	ledger *apitest.Ledger
}

// maybe is a member of a request: absent (the zero value), null, or a value.
type maybe struct {
	set  bool
	text *string
}

func value(text string) maybe { return maybe{true, &text} }
func null() maybe             { return maybe{set: true} }

func (m maybe) IsZero() bool                 { return !m.set }
func (m maybe) MarshalJSON() ([]byte, error) { return json.Marshal(m.text) }

// stamp is a time as the documents show it: UTC, whole seconds, with a Z.
type stamp struct{ time.Time }

func (s *stamp) UnmarshalJSON(text []byte) (err error) {
	const form = `"2006-01-02T15:04:05Z"`
	s.Time, err = time.Parse(form, string(text))
	// Parse takes fractions that the form does not have
	if err == nil && s.Format(form) != string(text) {
		return fmt.Errorf("a time is %s", text)
	}
	return err
}

// The bodies of requests.
type (
	createRequest struct {
		Name       maybe `json:"name,omitzero"`
		ExternalID maybe `json:"external_id,omitzero"`
	}
	updateRequest  createRequest
	loginRequest   struct{ Email, Password string }
	refreshRequest struct {
		RefreshToken string `json:"refresh_token"`
	}
)

func (r loginRequest) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"email": r.Email, "password": r.Password})
}

// listQuery is the query of a list; what is zero is not sent.
type listQuery struct {
	Cursor     string
	Limit      int
	Capital    bool // the limit's name is "Limit", as the reference spells it
	Order      string
	Name       string
	ExternalID string
}

func (q listQuery) encode() string {
	v := make(url.Values)
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	set("cursor", q.Cursor)
	set("order", q.Order)
	set("name", q.Name)
	set("external_id", q.ExternalID)
	if q.Limit != 0 {
		name := "limit"
		if q.Capital {
			name = "Limit"
		}
		set(name, strconv.Itoa(q.Limit))
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// The bodies of answers.
type (
	endUser struct {
		ID         string  `json:"id"`
		Name       string  `json:"name"`
		ExternalID *string `json:"external_id"`
		TenantID   string  `json:"tenant_id"`
		CreatedBy  string  `json:"created_by"`
		UpdatedBy  string  `json:"updated_by"`
		CreatedAt  stamp   `json:"created_at"`
		UpdatedAt  stamp   `json:"updated_at"`
	}
	endUsers struct {
		Data   []endUser `json:"data"`
		Paging paging    `json:"paging"`
	}
	paging struct {
		Cursors     cursors `json:"cursors"`
		HasMore     bool    `json:"has_more"`
		HasPrevious bool    `json:"has_previous"`
	}
	cursors struct {
		After  *string `json:"after"`
		Before *string `json:"before"`
	}
	tokens struct {
		AccessToken      string `json:"access_token"`
		ExpiresIn        int64  `json:"expires_in"`
		RefreshExpiresIn int64  `json:"refresh_expires_in"`
		RefreshToken     string `json:"refresh_token"`
		TokenType        string `json:"token_type"`
		IDToken          string `json:"id_token"`
		NotBeforePolicy  int64  `json:"not-before-policy"`
		SessionState     string `json:"session_state"`
		Scope            string `json:"scope"`
	}
)

// need refuses an object that lacks a member. One with a question mark may be null.
func need(text []byte, names ...string) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil {
		return err
	}
	for _, name := range names {
		bare, nullable := strings.CutSuffix(name, "?")
		switch raw, ok := object[bare]; {
		case !ok:
			return errors.New(bare + " is missing")
		case !nullable && string(raw) == "null":
			return errors.New(bare + " is null")
		}
	}
	return nil
}

func (u *endUser) UnmarshalJSON(text []byte) error {
	type plain endUser
	return errors.Join(json.Unmarshal(text, (*plain)(u)), need(text,
		"id", "name", "external_id?", "tenant_id", "created_by", "updated_by", "created_at", "updated_at"))
}

func (p *endUsers) UnmarshalJSON(text []byte) error {
	type plain endUsers
	return errors.Join(json.Unmarshal(text, (*plain)(p)), need(text, "data", "paging"))
}

func (p *paging) UnmarshalJSON(text []byte) error {
	type plain paging
	return errors.Join(json.Unmarshal(text, (*plain)(p)), need(text, "cursors", "has_more", "has_previous"))
}

func (c *cursors) UnmarshalJSON(text []byte) error {
	type plain cursors
	return errors.Join(json.Unmarshal(text, (*plain)(c)), need(text, "after?", "before?"))
}

func (s *tokens) UnmarshalJSON(text []byte) error {
	type plain tokens
	return errors.Join(json.Unmarshal(text, (*plain)(s)), need(text, "access_token", "expires_in", "refresh_expires_in",
		"refresh_token", "token_type", "id_token", "not-before-policy", "session_state", "scope"))
}

// apiError is what the vendor answers instead. Its schema has no other members.
type apiError struct {
	Status    int          `json:"status"`
	Type      string       `json:"type"`
	Title     string       `json:"title"`
	Detail    string       `json:"detail"`
	Instance  string       `json:"instance"`
	RequestID string       `json:"request_id"`
	Errors    []fieldError `json:"errors"`

	header http.Header
}

type fieldError struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Title, e.Detail) }

func readError(resp *http.Response, text []byte) error {
	var envelope struct {
		Error json.RawMessage `json:"error"`
	}
	if err := strictly(text, &envelope); err != nil {
		return fmt.Errorf("%d: %w in %s", resp.StatusCode, err, text)
	}
	var e apiError
	if err := errors.Join(need(envelope.Error, "type", "title", "status", "detail", "request_id"), strictly(envelope.Error, &e)); err != nil {
		return fmt.Errorf("%d: %w in %s", resp.StatusCode, err, text)
	}
	if e.Status != resp.StatusCode {
		return fmt.Errorf("%d says that it is %d", resp.StatusCode, e.Status)
	}
	for _, f := range e.Errors {
		if f.Field == "" || f.Code == "" || f.Message == "" {
			return fmt.Errorf("%d blames a field with %+v", resp.StatusCode, f)
		}
	}
	e.header = resp.Header
	return &e
}

func strictly(text []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(to)
}

// call sends a request, whose body is JSON unless it is a reader's, and reads an
// answer of the documented status.
func (c *client) call(operation, method, path string, body, to any, success int) error {
	var reader io.Reader
	switch body := body.(type) {
	case nil:
	case io.Reader:
		reader = body
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, c.base+path, reader)
	if err != nil {
		return err
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if reader != nil {
		r.Header.Set("Content-Type", "application/json")
		if c.kind != "" {
			r.Header.Set("Content-Type", c.kind)
		}
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
	switch {
	case resp.StatusCode >= http.StatusBadRequest:
		return readError(resp, text)
	case resp.StatusCode != success:
		return fmt.Errorf("%s %s: status %d, want %d", method, path, resp.StatusCode, success)
	case to == nil && len(text) > 0:
		return fmt.Errorf("%s %s: a body: %s", method, path, text)
	case to == nil:
		return nil
	case resp.Header.Get("Content-Type") != "application/json":
		return fmt.Errorf("%s %s: content type %q", method, path, resp.Header.Get("Content-Type"))
	}
	if err := json.Unmarshal(text, to); err != nil {
		return fmt.Errorf("%s %s: %w in %s", method, path, err, text)
	}
	return nil
}

// The operations. A body may also be an io.Reader, which is sent as it is.

func (c *client) create(body any) (u endUser, err error) {
	err = c.call("create", http.MethodPost, "/v1/end-users", body, &u, http.StatusCreated)
	return u, err
}

func (c *client) get(id string) (u endUser, err error) {
	err = c.call("get", http.MethodGet, "/v1/end-users/"+url.PathEscape(id), nil, &u, http.StatusOK)
	return u, err
}

func (c *client) list(q listQuery) (p endUsers, err error) {
	err = c.call("list", http.MethodGet, "/v1/end-users"+q.encode(), nil, &p, http.StatusOK)
	return p, err
}

func (c *client) update(id string, body any) (u endUser, err error) {
	err = c.call("update", http.MethodPut, "/v1/end-users/"+url.PathEscape(id), body, &u, http.StatusOK)
	return u, err
}

func (c *client) delete(id string) error {
	return c.call("delete", http.MethodDelete, "/v1/end-users/"+url.PathEscape(id), nil, nil, http.StatusNoContent)
}

func (c *client) login(body any) (s tokens, err error) {
	err = c.call("login", http.MethodPost, "/v1/auth/login", body, &s, http.StatusOK)
	return s, err
}

func (c *client) refresh(body any) (s tokens, err error) {
	err = c.call("refresh", http.MethodPost, "/v1/auth/refresh", body, &s, http.StatusOK)
	return s, err
}
