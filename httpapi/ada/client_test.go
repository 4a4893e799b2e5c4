package ada_test

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
	base   string // https://<handle>.ada.support
	token  string
	kind   string // of the bodies; "": application/json
	slash  bool   // paths have a slash at the end where the documents have none, and none where they have one
	ledger *apitest.Ledger
}

// maybe is a member of a request: absent (the zero value), null, or a value.
type maybe[T any] struct {
	set   bool
	value *T
}

func value[T any](v T) maybe[T] { return maybe[T]{true, &v} }
func null[T any]() maybe[T]     { return maybe[T]{set: true} }

func (m maybe[T]) IsZero() bool                 { return !m.set }
func (m maybe[T]) MarshalJSON() ([]byte, error) { return json.Marshal(m.value) }

// metadata has values of type string, bool and json.Number, the latter an integer.
// A nil value is sent to remove a key, and never comes back.
type metadata map[string]any

func (m *metadata) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode((*map[string]any)(m)); err != nil {
		return err
	}
	for key, v := range *m {
		switch v := v.(type) {
		case string, bool:
		case json.Number:
			if _, err := v.Int64(); err != nil {
				return fmt.Errorf("%q: %w", key, err)
			}
		default:
			return fmt.Errorf("%q is a %T", key, v)
		}
	}
	return nil
}

// The bodies of requests.
type (
	userRequest struct {
		ExternalID maybe[string]      `json:"external_id,omitzero"`
		Profile    maybe[sentProfile] `json:"profile,omitzero"`
	}
	sentProfile struct {
		FirstName         maybe[string]    `json:"first_name,omitzero"`
		LastName          maybe[string]    `json:"last_name,omitzero"`
		DisplayName       maybe[string]    `json:"display_name,omitzero"`
		Avatar            maybe[string]    `json:"avatar,omitzero"`
		Email             maybe[string]    `json:"email,omitzero"`
		Language          maybe[string]    `json:"language,omitzero"`
		Metadata          maybe[metadata]  `json:"metadata,omitzero"`
		SensitiveMetadata maybe[sensitive] `json:"sensitive_metadata,omitzero"`
	}
	sensitive struct {
		Fields map[string]any `json:"fields"` // as metadata's; a nil value removes a key
	}
	conversationRequest struct {
		ChannelID string        `json:"channel_id"`
		EndUserID maybe[string] `json:"end_user_id,omitzero"`
	}
)

// stamp is a time as the documents show it: whole seconds, with a numeric offset,
// which is UTC's.
type stamp struct{ time.Time }

func (s *stamp) UnmarshalJSON(text []byte) (err error) {
	const form = `"2006-01-02T15:04:05-07:00"`
	s.Time, err = time.Parse(form, string(text))
	// Parse takes fractions that the form does not have, and any offset
	if err == nil && s.UTC().Format(form) != string(text) {
		return fmt.Errorf("a time is %s", text)
	}
	return err
}

// The bodies of answers.
type (
	endUser struct {
		EndUserID  string  `json:"end_user_id"`
		ExternalID *string `json:"external_id"`
		Profile    profile `json:"profile"`
		CreatedAt  stamp   `json:"created_at"`
		UpdatedAt  stamp   `json:"updated_at"`
	}
	profile struct {
		FirstName        *string           `json:"first_name"`
		LastName         *string           `json:"last_name"`
		DisplayName      *string           `json:"display_name"`
		Avatar           *string           `json:"avatar"`
		Email            *string           `json:"email"`
		Language         *string           `json:"language"`
		Metadata         metadata          `json:"metadata"`
		SystemProperties *systemProperties `json:"system_properties"`
	}
	systemProperties struct {
		SunshineUserID *string `json:"sunshine_user_id"`
	}
	endUsers struct {
		Data []endUser `json:"data"`
		Meta struct {
			NextPageURL *string `json:"next_page_url"`
		} `json:"meta"`
	}
	conversation struct {
		ChannelID string `json:"channel_id"`
		EndUserID string `json:"end_user_id"`
	}
)

// need refuses an object that lacks a member, or has null for it. One with a
// question mark may be null.
func need(text []byte, names ...string) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, err
	}
	for _, name := range names {
		bare, nullable := strings.CutSuffix(name, "?")
		switch raw, ok := members[bare]; {
		case !ok:
			return nil, errors.New(bare + " is missing")
		case !nullable && string(raw) == "null":
			return nil, errors.New(bare + " is null")
		}
	}
	return members, nil
}

func (u *endUser) UnmarshalJSON(text []byte) error {
	type plain endUser
	members, err := need(text, "end_user_id", "external_id?", "profile", "created_at", "updated_at")
	if err == nil && bytes.Contains(members["profile"], []byte("sensitive_metadata")) {
		err = errors.New("the write-only sensitive_metadata is shown")
	}
	return errors.Join(err, json.Unmarshal(text, (*plain)(u)))
}

func (p *endUsers) UnmarshalJSON(text []byte) error {
	type plain endUsers
	members, err := need(text, "data", "meta")
	if err == nil {
		_, err = need(members["meta"], "next_page_url?")
	}
	return errors.Join(err, json.Unmarshal(text, (*plain)(p)))
}

// apiError is what the vendor answers instead. Its schema has no other members.
type apiError struct {
	status int
	header http.Header

	Errors []problemItem `json:"errors"`
}

type problemItem struct {
	Type    string          `json:"type"`
	Message string          `json:"message"`
	Details json.RawMessage `json:"details"`
}

// parameterDetail is one of the details of a validation error.
type parameterDetail struct {
	Parameter string `json:"parameter"`
	Location  string `json:"location"`
	Message   string `json:"message"`
}

func (e *apiError) Error() string {
	return fmt.Sprintf("%d %s: %s %s", e.status, e.Errors[0].Type, e.Errors[0].Message, e.Errors[0].Details)
}

// blamed returns the parameters that a validation error names.
func (e apiError) blamed() (names []string, err error) {
	var details []parameterDetail
	if len(e.Errors) != 1 || e.Errors[0].Type != "validation_error" {
		return nil, errors.New("no validation error")
	}
	if len(e.Errors[0].Details) > 0 {
		err = strictly(e.Errors[0].Details, &details)
	}
	for _, d := range details {
		if d.Location == "" || d.Message == "" {
			return nil, fmt.Errorf("a detail is %+v", d)
		}
		names = append(names, d.Parameter)
	}
	return names, err
}

func readError(resp *http.Response, text []byte) error {
	e := apiError{status: resp.StatusCode, header: resp.Header}
	if err := strictly(text, &e); err != nil {
		return fmt.Errorf("%d: %w in %s", resp.StatusCode, err, text)
	}
	if len(e.Errors) == 0 || e.Errors[0].Type == "" || e.Errors[0].Message == "" {
		return fmt.Errorf("%d is no error: %s", resp.StatusCode, text)
	}
	return &e
}

func strictly(text []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(to)
}

// call sends a request, whose body is JSON unless it is a reader's, reads an answer
// of one of the documented statuses, and returns which.
func (c *client) call(operation, method, target string, body, to any, success ...int) (int, error) {
	var reader io.Reader
	switch body := body.(type) {
	case nil:
	case io.Reader:
		reader = body
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		reader = bytes.NewReader(text)
	}
	absolute := strings.Contains(target, "://")
	if c.slash && !absolute {
		path, query, _ := strings.Cut(target, "?")
		bare, had := strings.CutSuffix(path, "/")
		if target = bare; !had {
			target += "/"
		}
		if query != "" {
			target += "?" + query
		}
	}
	if !absolute {
		target = c.base + target
	}
	r, err := http.NewRequestWithContext(context.Background(), method, target, reader)
	if err != nil {
		return 0, err
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
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	c.ledger.Add(operation, resp.StatusCode)
	if resp.StatusCode >= http.StatusBadRequest {
		return resp.StatusCode, readError(resp, text)
	}
	known := false
	for _, status := range success {
		known = known || status == resp.StatusCode
	}
	if !known || resp.Header.Get("Content-Type") != "application/json" {
		return 0, fmt.Errorf("%s %s: status %d, content type %q", method, target, resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	if err := json.Unmarshal(text, to); err != nil {
		return 0, fmt.Errorf("%s %s: %w in %s", method, target, err, text)
	}
	return resp.StatusCode, nil
}

// The operations. A body may also be an io.Reader, which is sent as it is. What a
// conversation is answered with the documents leave open.

// create reports whether the user is a new one.
func (c *client) create(body any) (u endUser, fresh bool, err error) {
	status, err := c.call("create", http.MethodPost, "/api/v2/end-users/", body, &u, http.StatusCreated, http.StatusOK)
	return u, status == http.StatusCreated, err
}

func (c *client) get(id string) (u endUser, err error) {
	_, err = c.call("get", http.MethodGet, "/api/v2/end-users/"+url.PathEscape(id), nil, &u, http.StatusOK)
	return u, err
}

func (c *client) byExternalID(id string) (u endUser, err error) {
	target := "/api/v2/end-users/?" + url.Values{"external_id": {id}}.Encode()
	_, err = c.call("get by external id", http.MethodGet, target, nil, &u, http.StatusOK)
	return u, err
}

// list asks for the first page; a limit of 0 is not sent.
func (c *client) list(limit int) (endUsers, error) {
	target := "/api/v2/end-users/"
	if limit != 0 {
		target += "?limit=" + strconv.Itoa(limit)
	}
	return c.page(target)
}

// page follows a next_page_url, which is to be used unchanged.
func (c *client) page(target string) (p endUsers, err error) {
	_, err = c.call("list", http.MethodGet, target, nil, &p, http.StatusOK)
	return p, err
}

func (c *client) update(id string, body any) (u endUser, err error) {
	_, err = c.call("update", http.MethodPatch, "/api/v2/end-users/"+url.PathEscape(id), body, &u, http.StatusOK)
	return u, err
}

func (c *client) converse(body any) (v conversation, err error) {
	_, err = c.call("create conversation", http.MethodPost, "/api/v2/conversations/", body, &v, http.StatusCreated, http.StatusOK)
	return v, err
}
