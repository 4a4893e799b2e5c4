package explo_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/explo"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
)

// statuses are those that the documents have for each operation. No token is looked
// for by get-or-create, which therefore has no 404.
func statuses() map[string][]int {
	all := map[string][]int{"elsewhere": {404, 405}}
	for _, name := range []string{"get", "create_user_group"} {
		all[name] = []int{200, 400, 401, 403, 413, 415, 429, 500, 503}
	}
	for _, name := range []string{"rotate", "update", "delete", "refresh_user_group_token", "update_user_group", "delete_user_group"} {
		all[name] = []int{200, 400, 401, 403, 404, 413, 415, 429, 500, 503}
	}
	return all
}

// everything calls all operations, in both forms: those that take a token with this
// one, the others with this ID.
func (c *client) everything(token, id string) map[string]error {
	group, current := groupRequest{UserGroupID: value(id), Name: value("A")}, tokenRequest{CurrentToken: value(token)}
	errs := make(map[string]error)
	for name, call := range c.operations() {
		var body any = current
		if takesGroup(name) {
			body = group
		}
		_, errs[name] = call(body)
	}
	return errs
}

func (c *client) operations() map[string]func(any) (result, error) {
	return map[string]func(any) (result, error){
		"get": c.get, "rotate": c.rotate, "update": c.update, "delete": c.delete,
		"create_user_group": c.createUserGroup, "refresh_user_group_token": c.refreshUserGroupToken,
		"update_user_group": c.updateUserGroup, "delete_user_group": c.deleteUserGroup,
	}
}

func takesGroup(operation string) bool {
	return operation == "get" || operation == "create_user_group" || strings.HasPrefix(operation, "update")
}

// always is a Limiter that allows nothing.
type always struct{}

func (always) Allow(context.Context, string, []httpapi.Rate) (httpapi.Decision, error) {
	return httpapi.Decision{Wait: 30 * time.Second}, nil
}

// TestClientStatuses meets every documented status of every operation.
func TestClientStatuses(t *testing.T) {
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		st := &apitest.Faulty{Store: open(t)}
		w := apitest.NewWorld(t, st)
		c := newClient(t, w, nil)
		token := ""
		for range 2 { // successes, once in each form
			for _, f := range []form{
				{c.get, c.rotate, c.update, c.delete},
				{c.createUserGroup, c.refreshUserGroupToken, c.updateUserGroup, c.deleteUserGroup},
			} {
				token = must(f.ensure(groupRequest{UserGroupID: value("one"), Name: value("One")}))(t).UserGroup.Token
				must(f.update(groupRequest{UserGroupID: value("one")}))(t)
				token = must(f.rotate(tokenRequest{CurrentToken: value(token)}))(t).UserGroup.Token
				must(f.delete(tokenRequest{CurrentToken: value(token)}))(t)
			}
		}
		token = must(c.get(groupRequest{UserGroupID: value("one"), Name: value("One")}))(t).UserGroup.Token

		for name, call := range c.operations() {
			plain := *c
			plain.kind = "text/plain"
			large := `{"x":"` + strings.Repeat("x", 1<<20) + `"}`
			_, err := call(strings.NewReader(large))
			refused(t, name+": a large body", err, 413)
			_, err = plain.operations()[name](strings.NewReader(`{}`))
			refused(t, name+": another type", err, 415)
			bodies := []string{`{`, `[]`, `{}{}`, `{}`, `{"current_token":""}`, `{"current_token":null}`, `{"current_token":7}`}
			if takesGroup(name) {
				bodies = []string{
					`{`, `{}`, `{"name":"A"}`, `{"user_group_id":""}`, `{"user_group_id":7,"name":"A"}`, `{"user_group_id":"one","name":7}`,
					`{"user_group_id":"one","name":"A","mapping":[]}`, `{"user_group_id":"one","name":"A","properties":"x"}`,
					`{"user_group_id":"one","name":"A","is_demo_group":1}`,
				}
				keys := []string{`{"user_group_id":"new","properties":{"":1}}`, `{"user_group_id":"new","mapping":{"":"x"}}`}
				if name == "get" || name == "create_user_group" { // one that is there is shown whatever else is sent
					bodies = append(bodies, `{"user_group_id":"`+strings.Repeat("x", 256)+`","name":"A"}`)
				} else {
					keys[0], keys[1] = strings.Replace(keys[0], "new", "one", 1), strings.Replace(keys[1], "new", "one", 1)
				}
				bodies = append(bodies, keys...)
			}
			for _, body := range bodies {
				_, err = call(strings.NewReader(body))
				refused(t, name+": "+body, err, 400)
			}
		}
		for name, err := range c.everything(strings.Repeat("0", 64), "nobody's") {
			if !takesGroup(name) { // whether update finds one depends on which comes first
				refused(t, name+" of an unknown token", err, 404)
			}
		}
		for _, call := range []func(any) (result, error){c.update, c.updateUserGroup} {
			_, err := call(groupRequest{UserGroupID: value("unknown"), Name: value("A")})
			refused(t, "update of an unknown ID", err, 404)
		}
		for _, key := range []string{apitest.Other, apitest.Testing} {
			for name, err := range c.as(key).everything(token, "another") {
				if !takesGroup(name) {
					refused(t, "another tenant's "+name, err, 404)
				}
			}
		}
		for _, key := range []string{"", "nobody's"} {
			for name, err := range c.as(key).everything(token, "one") {
				refused(t, name, err, 401)
			}
		}
		for name, err := range c.as(apitest.Reader).everything(token, "one") {
			refused(t, name, err, 403)
		}
		_, err := c.call("elsewhere", http.MethodGet, "/api/nowhere/", struct{}{})
		refused(t, "another path", err, 404)
		_, err = c.call("elsewhere", http.MethodPatch, "/api/user", struct{}{})
		if refused(t, "another method", err, 405).header.Get("Allow") == "" {
			t.Error("405 without Allow")
		}

		unwell := func(o *explo.Options, status int) {
			t.Helper()
			other := newClient(t, w, o)
			other.ledger = c.ledger
			for name, err := range other.everything(token, "one") {
				e := refused(t, name, err, status)
				if retry := e.header.Get("Retry-After"); status == 429 && retry != "30" {
					t.Errorf("%s: 429 with Retry-After %q", name, retry)
				}
			}
		}
		unwell(&explo.Options{Options: httpapi.Options{Limiter: always{}, Rates: []httpapi.Rate{{Requests: 180, Per: time.Minute}}}}, 429)
		st.Fail(errors.New("the disk is gone"))
		unwell(nil, 503)
		st.Panics.Store(true)
		unwell(nil, 500)
		c.ledger.Check(t, statuses())
	})
}
