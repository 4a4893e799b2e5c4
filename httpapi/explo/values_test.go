package explo_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// TestValuesComeBack: both forms of the routes show what was sent in any member, and an
// update changes what it has and nothing else.
func TestValuesComeBack(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		numbers := make(map[int32]bool)
		for name, form := range map[string]struct{ create, update, rotate, delete string }{
			"template": {"GET /api/user", "PUT /api/user", "POST /api/user", "DELETE /api/user"},
			"groups": {
				"POST /api/create_user_group/", "POST /api/update_user_group/", "POST /api/refresh_user_group_token/", "DELETE /api/delete_user_group/",
			},
		} {
			send := func(request, body string, options ...option) answer {
				t.Helper()
				method, path, _ := strings.Cut(request, " ")
				return s.do(t, method, path, body, options...)
			}
			id := `"user_group_id":"Exämple_1 北京/` + name + `"`
			const members = `"name":"Exämple 1 北京","is_demo_group":true,"mapping":{"134":"386","40":213,"nested":{"n":[9223372036854775807,null]}},` +
				`"properties":{"beyond":18446744073709551615,"big":9007199254740993,"float":0.1,"list":["a",true,{}],"neg":-0,"text":"é\"\\","Ω":"<b>"}`
			a := send(form.create, `{`+id+`,`+members+`}`)
			want := a.group(t)
			if r := a.reply(t); r.New == nil || !*r.New || numbers[want.TeamID] || want.TeamID <= 0 || len(want.Token) != 64 {
				t.Errorf("made as %s", a.Body)
			}
			numbers[want.TeamID] = true
			merge := func(body string) {
				t.Helper()
				if err := json.Unmarshal([]byte(body), &want); err != nil {
					t.Fatal(err)
				}
			}
			merge(`{` + members + `}`)
			want.ProvidedID, want.Environment = "Exämple_1 北京/"+name, "Customer"
			shown := func(when string, a answer) {
				t.Helper()
				for _, a := range []answer{
					a, send(form.create, `{`+id+`,"name":"not applied","mapping":{"x":1},"properties":{"x":1},"is_demo_group":false}`),
					send("GET /api/user/", `{`+id+`}`, with("Authorization"), with("Explo-Authorization", "Token "+apitest.Acme)),
				} {
					if diff := cmp.Diff(want, a.group(t)); diff != "" {
						t.Errorf("%s (-want +got):\n%s", when, diff)
					}
				}
			}
			shown("create", a)
			for _, body := range []string{
				`"name":"Renamed Ω"`, `"mapping":{"7":"9"}`, `"is_demo_group":false`, `"properties":{"other":-9223372036854775808}`,
				`"mapping":{}`, `"is_demo_group":true`, `"properties":{}`, `"name":""`,
			} {
				merge(`{` + body + `}`)
				shown(body, send(form.update, `{`+id+`,`+body+`}`))
			}
			shown("nulls", send(form.update, `{`+id+`,"name":null,"mapping":null,"is_demo_group":null,"properties":null}`))
			merge(`{"mapping":{"a":{"b":null}},"properties":{"a":{"b":null}}}`) // of an object's own keys null is left out
			shown("null values", send(form.update, `{`+id+`,"mapping":{"a":{"b":null},"c":null},"properties":{"a":{"b":null},"c":null}}`))

			old := `{"current_token":"` + want.Token + `"}`
			a = send(form.rotate, old)
			want.Token = a.group(t).Token
			shown("rotation", a)
			send(form.rotate, old).wantCode(t, 404, "not-found")
			send(form.delete, old).wantCode(t, 404, "not-found")
			send(form.delete, `{"current_token":"`+want.Token+`","data_source_provided_id":"ds-1"}`).want(t, 200)
			send(form.update, `{`+id+`}`).wantCode(t, 404, "not-found")
			if again := send(form.create, `{`+id+`}`).group(t); again.Token == want.Token || again.TeamID == want.TeamID || again.Name != "" {
				t.Errorf("made again as %+v", again)
			}
		}
	})
}
