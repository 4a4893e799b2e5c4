package explo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// client speaks the vendor's API as its documents have it, over a real connection.
// It was written from them alone: what it knows it did not learn from this package.
type client struct {
	base   string
	token  string
	own    bool   // the header is the vendor's own, not the template's
	slash  bool   // paths have a slash at the end where the documents have none, and none where they have one
	kind   string // of the bodies; "": application/json
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

// object is a free JSON object. Its numbers are of type json.Number.
type object map[string]any

func (o *object) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode((*map[string]any)(o))
}

// groupRequest is the body of get-or-create and of update.
type groupRequest struct {
	UserGroupID maybe[string] `json:"user_group_id,omitzero"`
	Name        maybe[string] `json:"name,omitzero"`
	Mapping     maybe[object] `json:"mapping,omitzero"`
	IsDemoGroup maybe[bool]   `json:"is_demo_group,omitzero"`
	Properties  maybe[object] `json:"properties,omitzero"`
}

// tokenRequest is the body of a rotation and of a delete. The last two are the
// template's, for a delete.
type tokenRequest struct {
	CurrentToken         maybe[string] `json:"current_token,omitzero"`
	UserGroupID          maybe[string] `json:"user_group_id,omitzero"`
	DataSourceProvidedID maybe[string] `json:"data_source_provided_id,omitzero"`
}

// The bodies of answers.
type (
	userGroup struct {
		TeamID            int32   `json:"team_id"` // as wide as in clients that exist
		Token             string  `json:"token"`
		Name              string  `json:"name"`
		ProvidedID        string  `json:"provided_id"`
		APIEnvironmentTag string  `json:"api_environment_tag"`
		IsDemoGroup       bool    `json:"is_demo_group"`
		Properties        *object `json:"properties"`
	}
	result struct {
		Success      int64      `json:"success"`
		NewUserGroup *bool      `json:"new_user_group"`
		UserGroup    *userGroup `json:"user_group"`
	}
)

// need refuses an object that lacks a member, or has null for it. One with a
// question mark may be null.
func need(text []byte, names ...string) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	for _, name := range names {
		bare, nullable := strings.CutSuffix(name, "?")
		switch raw, ok := members[bare]; {
		case !ok:
			return errors.New(bare + " is missing")
		case !nullable && string(raw) == "null":
			return errors.New(bare + " is null")
		}
	}
	return nil
}

func (g *userGroup) UnmarshalJSON(text []byte) error {
	type plain userGroup
	return errors.Join(json.Unmarshal(text, (*plain)(g)), need(text,
		"team_id", "token", "name", "provided_id", "api_environment_tag", "is_demo_group", "properties?"))
}

// apiError is what is answered instead of a success. The documents leave open what it
// has beside these members.
type apiError struct {
	Status  int    `json:"-"`
	Success *int64 `json:"success"`
	Text    string `json:"error"`

	header http.Header
}

func (e *apiError) Error() string { return fmt.Sprintf("%d: %s", e.Status, e.Text) }

func readError(resp *http.Response, text []byte) error {
	e := apiError{Status: resp.StatusCode, header: resp.Header}
	if err := json.Unmarshal(text, &e); err != nil {
		return fmt.Errorf("%d: %w in %s", resp.StatusCode, err, text)
	}
	if e.Success == nil || *e.Success != 0 || e.Text == "" {
		return fmt.Errorf("%d is no failure: %s", resp.StatusCode, text)
	}
	return &e
}

// call sends a request, whose body is JSON unless it is a reader's, and reads the
// members that its answer has to have beside success.
func (c *client) call(operation, method, path string, body any, members ...string) (res result, err error) {
	reader, ok := body.(io.Reader)
	if !ok {
		text, err := json.Marshal(body)
		if err != nil {
			return res, err
		}
		reader = bytes.NewReader(text)
	}
	if c.slash {
		bare, had := strings.CutSuffix(path, "/")
		if path = bare; !had {
			path += "/"
		}
	}
	r, err := http.NewRequestWithContext(context.Background(), method, c.base+path, reader)
	if err != nil {
		return res, err
	}
	r.Header.Set("Content-Type", "application/json")
	if c.kind != "" {
		r.Header.Set("Content-Type", c.kind)
	}
	switch {
	case c.token == "":
	case c.own:
		r.Header.Set("Explo-Authorization", "Token "+c.token)
	default:
		r.Header.Set("Authorization", "Token "+c.token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return res, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return res, err
	}
	c.ledger.Add(operation, resp.StatusCode)
	if resp.StatusCode != http.StatusOK {
		return res, readError(resp, text)
	}
	err = errors.Join(json.Unmarshal(text, &res), need(text, append(members, "success")...))
	if err == nil && res.Success != 1 {
		err = fmt.Errorf("success is %d", res.Success)
	}
	if err == nil && resp.Header.Get("Content-Type") != "application/json" {
		err = fmt.Errorf("content type %q", resp.Header.Get("Content-Type"))
	}
	if err != nil {
		err = fmt.Errorf("%s %s: %w in %s", method, path, err, text)
	}
	return res, err
}

// The operations of the template, all on one path.

func (c *client) get(body any) (result, error) {
	return c.call("get", http.MethodGet, "/api/user", body, "new_user_group", "user_group")
}

func (c *client) rotate(body any) (result, error) {
	return c.call("rotate", http.MethodPost, "/api/user", body, "user_group")
}

func (c *client) update(body any) (result, error) {
	return c.call("update", http.MethodPut, "/api/user", body, "user_group")
}

func (c *client) delete(body any) (result, error) {
	return c.call("delete", http.MethodDelete, "/api/user", body)
}

// The operations of the End User Group API.

func (c *client) createUserGroup(body any) (result, error) {
	return c.call("create_user_group", http.MethodPost, "/api/create_user_group/", body, "new_user_group", "user_group")
}

func (c *client) refreshUserGroupToken(body any) (result, error) {
	return c.call("refresh_user_group_token", http.MethodPost, "/api/refresh_user_group_token/", body, "user_group")
}

func (c *client) updateUserGroup(body any) (result, error) {
	return c.call("update_user_group", http.MethodPost, "/api/update_user_group/", body, "user_group")
}

func (c *client) deleteUserGroup(body any) (result, error) {
	return c.call("delete_user_group", http.MethodDelete, "/api/delete_user_group/", body)
}
