package console_test

import (
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

func TestSmoke(t *testing.T) {
	d := newDesk(t, memory.New(nil), nil)
	a := d.get(t, "users")
	t.Log(a.text())
	a.want(t, 200, "No users yet")
	u := d.add(t, enduser.Spec{ExternalID: "crm-7", Name: "Ann <b>Lee", Email: "ann@example.com", Groups: []string{"a", "b", "c"}, Metadata: enduser.Metadata{"plan": enduser.String("pro")}, Sensitive: map[string]enduser.Secret{"ssn": enduser.NewSecret(enduser.String("canary"))}})
	a = d.get(t, "users")
	t.Log(a.text())
	a = d.get(t, "users/"+u.ID)
	t.Log(a.text())
	a = d.get(t, "users?q=crm-7")
	t.Log(a)
	a = d.get(t, "users?q=ann")
	t.Log(a.text())
	a = d.get(t, "users?q=annx&from=x&group=%3C")
	t.Log(a.text())
}
