package httpapi

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// sensitive is the body of a request that writes sensitive values. They go into the
// store and come out nowhere: no answer, and no error, has one.
type sensitive struct {
	rest.Input

	values map[string]enduser.Secret
	nulls  []string
}

// maxSensitive is how many members a body may have: enough for a patch that replaces all
// values that a user can have.
const maxSensitive = 256

// readSensitive reads a body. It refuses invalid keys without repeating them: one may be a
// secret in the wrong place.
func readSensitive(body string) (in sensitive, err error) {
	in.values = make(map[string]enduser.Secret)
	p := jsontext.NewScanner(body)
	members, keys := 0, true
	err = in.End(&p, p.Object(func(name string) error {
		text, err := p.Raw()
		members++
		keys = keys && isSensitiveKey(name)
		if err != nil || !keys || members > maxSensitive {
			return err
		}
		value, err := enduser.JSON(text) // the domain refuses kinds that are not allowed
		if value.IsNull() {
			in.nulls = append(in.nulls, name)
		}
		in.values[name] = enduser.NewSecret(value)
		return err
	}))
	if err != nil {
		return in, err
	}
	if !keys {
		in.Fault("", enduser.CodeValue, "a key must have 1 to 128 letters, digits, - and _")
	}
	if members > maxSensitive {
		in.Fault("", enduser.CodeCount, "must have at most "+strconv.Itoa(maxSensitive)+" keys")
	}
	return in, in.Err()
}

func isSensitiveKey(name string) bool {
	const maxKey = 128
	return name != "" && len(name) <= maxKey && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// replaceSensitive replaces all values by those of the body.
func (a *api) replaceSensitive(c *call) error {
	in, err := readSensitive(c.Body())
	if err != nil {
		return err
	}
	for _, name := range in.nulls {
		in.RefuseNull(name, true)
	}
	if err := in.Err(); err != nil {
		return err
	}
	return a.writeSensitive(c, func(e *enduser.Edit) {
		e.ClearSensitive()
		in.set(e)
	})
}

// updateSensitive writes the values of the body and keeps the others. Null removes one.
func (a *api) updateSensitive(c *call) error {
	in, err := readSensitive(c.Body())
	if err != nil {
		return err
	}
	return a.writeSensitive(c, in.set)
}

func (in *sensitive) set(e *enduser.Edit) {
	for name, value := range in.values {
		e.SetSensitive(name, value)
	}
}

func (a *api) writeSensitive(c *call, set func(*enduser.Edit)) error {
	u, err := a.Tenant(c).Update(c.Request.Context(), ref(c), func(e *enduser.Edit) error {
		set(e)
		return nil
	}, family.Conditions(c)...)
	if _, gone := errors.AsType[*enduser.GoneError](err); gone {
		c.Empty(http.StatusNoContent)
		return nil
	}
	if err != nil {
		return family.Placed(err, inSensitive)
	}
	if replayed(c) { // the client has not seen what others may have written since
		c.Empty(http.StatusNoContent)
		return nil
	}
	return c.VersionedEmpty(http.StatusNoContent, u.Version.String())
}

// inSensitive changes where a fault is: the values are members of the body itself.
func inSensitive(f *rest.Field) {
	switch f.Path.Name {
	case "id":
		f.Query = true
	case "sensitive":
		f.Path = rest.Path{Key: f.Path.Key}
	}
}
