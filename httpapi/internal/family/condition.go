package family

import (
	"net/http"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// Conditions returns the request's If-Match and If-None-Match as conditions for the domain.
// Every call that writes a user or a group needs them. The If-None-Match of a GET is left to
// ShowIfNew, which answers 304; in one vendor's family a GET may write.
func Conditions(c *Call) []enduser.Condition {
	var conds []enduser.Condition
	p := c.Preconditions()
	switch {
	case p.IfMatch.Any:
		conds = append(conds, enduser.IfExists())
	case p.IfMatch.Given:
		conds = append(conds, enduser.IfVersion(versions(p.IfMatch)...))
	}
	switch {
	case c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead:
	case p.IfNoneMatch.Any:
		conds = append(conds, enduser.IfAbsent())
	case p.IfNoneMatch.Given:
		conds = append(conds, enduser.IfNotVersion(versions(p.IfNoneMatch)...))
	}
	return conds
}

// versions returns the versions of entity tags. A tag of another form matches nothing.
func versions(tags rest.Tags) []enduser.Version {
	all := make([]enduser.Version, 0, len(tags.Versions))
	for _, text := range tags.Versions {
		if v, err := enduser.ParseVersion(text); err == nil {
			all = append(all, v)
		}
	}
	return all
}
