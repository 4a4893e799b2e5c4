package explo

import (
	"encoding/json"
	"maps"

	"github.com/rollbook-go/rollbook/enduser"
)

// A group's SystemProperties keep what only Explo knows of it, under these keys.
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

// setOwn writes what is given of Explo's own members to a group's SystemProperties. If the
// mapping is invalid, it returns everything that is invalid in the body.
func (in *input) setOwn(t enduser.Tenant, m enduser.Metadata) error {
	if given(in.mapping) {
		mapping := maps.Clone(in.mapping.Value)
		maps.DeleteFunc(mapping, func(_ string, v enduser.Value) bool { return v.IsNull() })
		text := string(mapping.AppendJSON(nil))
		// The core sees a mapping as one value, so that its keys are validated as those of a user.
		s := enduser.Spec{SystemProperties: mapping}
		if err := t.Check(s); err != nil && grows(m[mappingKey], mapping, text) {
			s.Name, s.Metadata = in.name.Value, in.properties.Value
			return t.Check(s)
		}
		value, err := enduser.JSON(text)
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

// grows reports whether a mapping has a key that the stored one lacks, or is longer. What a
// policy no longer allows may stay, as in the core, but not grow.
func grows(stored enduser.Value, mapping enduser.Metadata, text string) bool {
	var old map[string]json.RawMessage
	if stored.Decode(&old) != nil || len(text) > len(stored.Text()) {
		return true
	}
	for key := range mapping {
		if _, ok := old[key]; !ok {
			return true
		}
	}
	return false
}
