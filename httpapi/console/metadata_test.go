package console_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A page is not much larger than the metadata on it, however deep that is: with line breaks, short
// values that are deep inside others are thirty times as long.
func TestMetadataSize(t *testing.T) {
	t.Parallel()
	deep := func(size int) string {
		const depth = 28
		return strings.Repeat("[", depth) + strings.Repeat("0,", (size-2*depth)/2) + "0" + strings.Repeat("]", depth)
	}
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf(`"%d":%s`, i, deep(2<<10)))
	}
	d := newDesk(t, memory.New(nil), nil)
	d.policy = &enduser.Policy{MaxMetadataBytes: 256 << 10}
	for name, object := range map[string]string{
		"one value":     `{"k":` + deep(255<<10) + `}`,
		"a small value": `{"k":` + deep(10<<10) + `}`,
		"many values":   "{" + strings.Join(many, ",") + "}",
	} {
		m := metadataOf(t, object)
		u := d.add(enduser.Spec{Metadata: m, SystemProperties: m})
		g, _, err := d.acme.Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: name, Metadata: m, SystemProperties: m})
		ok(t, err)
		most := 4*len(object) + 128<<10 // each value for itself and in the whole, twice
		for _, page := range []string{"users/" + u.ID, "users/" + u.ID + "/edit", "groups/" + g.ID} {
			if a := d.get(page).want(200); len(a.HTML) > most {
				t.Errorf("%s: %s has %d bytes, of %d", name, page, len(a.HTML), len(object))
			}
		}
	}
	u := d.add(enduser.Spec{Metadata: metadataOf(t, `{"k":[1]}`)})
	d.get("users/"+u.ID).has(">[\n  1\n]<", "{\n  &#34;k&#34;: [\n    1\n  ]\n}")
	u = d.add(enduser.Spec{Metadata: metadataOf(t, `{"k":`+deep(10<<10)+`}`)})
	d.get("users/" + u.ID + "/edit").want(200).lacks("too large for a form")
}
