package explo

import (
	"maps"

	"github.com/rollbook-go/rollbook/enduser"
)

// What only Explo knows of a group is kept in its SystemProperties, under these keys.
const (
	mappingKey = "mapping" // an object
	demoKey    = "demo"    // true, or absent
)

func isDemo(g *enduser.Group) bool { return g.SystemProperties[demoKey] == enduser.Bool(true) }

func appendMapping(b []byte, g *enduser.Group) []byte {
	if mapping, ok := g.SystemProperties[mappingKey]; ok {
		return append(b, mapping.Text()...)
	}
	return append(b, "{}"...)
}

// check validates what is given as the core validates users: a mapping is one value
// there.
func (in *input) check(t enduser.Tenant) error {
	s := enduser.Spec{Name: in.name.Value, Metadata: in.properties.Value, SystemProperties: in.mapping.Value}
	return t.Check(s)
}

// applyOwn writes what is given of Explo's own members to a group's SystemProperties.
func (in *input) applyOwn(m enduser.Metadata) error {
	if given(in.mapping) {
		mapping := maps.Clone(in.mapping.Value)
		maps.DeleteFunc(mapping, func(_ string, v enduser.Value) bool { return v.IsNull() })
		value, err := enduser.JSON(string(mapping.AppendJSON(nil)))
		if err != nil {
			return err
		}
		m[mappingKey] = value
		if len(mapping) == 0 {
			delete(m, mappingKey)
		}
	}
	if given(in.demo) {
		delete(m, demoKey)
		if in.demo.Value {
			m[demoKey] = enduser.Bool(true)
		}
	}
	return nil
}
