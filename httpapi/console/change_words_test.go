package console

import (
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
)

func TestChangeWords(t *testing.T) {
	t.Parallel()
	many := strings.Split(strings.Repeat("name,", 14)+"name", ",")
	for want, ch := range map[string]enduser.Change{
		"created":                              {Type: enduser.ChangeCreated},
		"deleted":                              {Type: enduser.ChangeDeleted},
		"expired":                              {Type: enduser.ChangeExpired},
		"disabled":                             {Type: enduser.ChangeDisabled},
		"made permanent":                       {Type: enduser.ChangeAssociated, Fields: []string{"expires_at"}},
		"made permanent, name changed":         {Type: enduser.ChangeAssociated, Fields: []string{"name", "expires_at"}},
		"changed":                              {Type: enduser.ChangeUpdated},
		"name and e-mail changed":              {Type: enduser.ChangeUpdated, Fields: []string{"name", "email"}},
		"external ID changed":                  {Type: enduser.ChangeUpdated, Fields: []string{"external_id"}},
		"first name changed":                   {Type: enduser.ChangeUpdated, Fields: []string{"first_name"}},
		"accounts and groups changed":          {Type: enduser.ChangeUpdated, Fields: []string{"linked_accounts", "groups"}},
		"expiry changed":                       {Type: enduser.ChangeUpdated, Fields: []string{"expires_at"}},
		"metadata plan changed":                {Type: enduser.ChangeUpdated, Fields: []string{"metadata.plan"}},
		"metadata changed":                     {Type: enduser.ChangeUpdated, Fields: []string{"metadata"}},
		"metadata a.b changed":                 {Type: enduser.ChangeUpdated, Fields: []string{"metadata.a.b"}},
		"system property beta changed":         {Type: enduser.ChangeUpdated, Fields: []string{"system_properties.beta"}},
		"system properties changed":            {Type: enduser.ChangeUpdated, Fields: []string{"system_properties"}},
		"sensitive value card changed":         {Type: enduser.ChangeUpdated, Fields: []string{"sensitive.card"}},
		"sensitive values changed":             {Type: enduser.ChangeUpdated, Fields: []string{"sensitive"}},
		"token changed":                        {Type: enduser.ChangeUpdated, Fields: []string{"token"}},
		"name, name, name and name changed":    {Type: enduser.ChangeUpdated, Fields: many[:4]},
		"name, name, name and 2 more changed":  {Type: enduser.ChangeUpdated, Fields: many[:5]},
		"name, name, name and 12 more changed": {Type: enduser.ChangeUpdated, Fields: many},
		"changed; what it was cannot be read":  {Type: enduser.ChangeUnreadable},
		"metadata \ufffd\ufffda\ufffd changed": {Type: enduser.ChangeUpdated, Fields: []string{"metadata.\u202e\u2069a\n"}},
		"metadata <b> changed":                 {Type: enduser.ChangeUpdated, Fields: []string{"metadata.<b>"}},
		"metadata " + strings.Repeat("é", 54) + "… changed": {Type: enduser.ChangeUpdated, Fields: []string{"metadata." + strings.Repeat("é", 255)}},
		"merged": {Type: "merged"},
	} {
		if got := changeWords(&ch); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
