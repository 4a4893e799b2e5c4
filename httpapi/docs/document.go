package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// api is what the templates read of an OpenAPI document: members in the order of the document.
type api struct {
	Info struct {
		Title, Version, Summary, Description string
	}
	Tags     []tagged
	Security []map[string][]string
	Paths    ordered[pathItem]
	Webhooks ordered[pathItem]

	Components struct {
		SecuritySchemes ordered[struct{ Type, Scheme, Description string }]
		Parameters      ordered[parameter]
		Headers         ordered[header]
		Responses       ordered[response]
		Schemas         ordered[schema]
	}
}

// tagged is a tag of the document: a part of the page.
type tagged struct{ Name, Description string }

// pathItem is the operations of a path.
type pathItem struct {
	parameters []parameter
	operations []operation
}

// operation is a method of a path, or an event that the server sends.
type operation struct {
	Method, Path string `json:"-"`

	ID                   string `json:"operationId"`
	Summary, Description string
	Tags                 []string
	Security             *[]map[string][]string // nil: that of the document
	Parameters           []parameter
	RequestBody          struct {
		Required bool
		Content  ordered[media]
	}
	Responses ordered[response]
}

type parameter struct {
	Ref                   string `json:"$ref"`
	Name, In, Description string
	Required              bool
	Schema                schema
}

type header struct {
	Ref         string `json:"$ref"`
	Description string
	Required    bool
	Schema      schema
}

type response struct {
	Ref         string `json:"$ref"`
	Description string
	Headers     ordered[header]
	Content     ordered[media]
}

type media struct{ Schema schema }

// Anchor returns the ID of the operation's section in the page.
func (o operation) Anchor() string {
	if o.ID == "" {
		return strings.ToLower(o.Method) + "-" + o.Path
	}
	return o.ID
}

// Public reports whether the operation needs no credential.
func (o operation) Public() bool { return o.Security != nil && len(*o.Security) == 0 }

// Tagged returns the operations with a tag, in the order of the paths.
func (a *api) Tagged(tag string) (all []operation) {
	for _, path := range a.Paths {
		for _, o := range path.Value.operations {
			if slices.Contains(o.Tags, tag) {
				all = append(all, o)
			}
		}
	}
	return all
}

// Events returns the requests that the server sends.
func (a *api) Events() (all []operation) {
	for _, event := range a.Webhooks {
		all = append(all, event.Value.operations...)
	}
	return all
}

// Shared returns the name of the component that this one is, or "" if it stands here alone.
func (p parameter) Shared() string { return last(p.Ref) }
func (h header) Shared() string    { return last(h.Ref) }
func (r response) Shared() string  { return last(r.Ref) }

func (p *pathItem) UnmarshalJSON(b []byte) error {
	var members ordered[json.RawMessage]
	if err := json.Unmarshal(b, &members); err != nil {
		return err
	}
	for _, m := range members {
		switch m.Name {
		case "parameters":
			if err := json.Unmarshal(m.Value, &p.parameters); err != nil {
				return err
			}
		case "get", "put", "post", "delete", "options", "head", "patch", "trace":
			o := operation{Method: strings.ToUpper(m.Name)}
			if err := json.Unmarshal(m.Value, &o); err != nil {
				return err
			}
			p.operations = append(p.operations, o)
		}
	}
	return nil
}

// ordered is the members of a JSON object in their order.
type ordered[T any] []member[T]

type member[T any] struct {
	Name  string
	Value T
}

func (o *ordered[T]) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("%v where an object is expected", t)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		m := member[T]{Name: name.(string)}
		if err := dec.Decode(&m.Value); err != nil {
			return err
		}
		*o = append(*o, m)
	}
	return nil
}

// get returns the member that a reference ends with.
func (o ordered[T]) get(ref string) (*T, error) {
	i := slices.IndexFunc(o, func(m member[T]) bool { return m.Name == last(ref) })
	if i < 0 {
		return nil, fmt.Errorf("%s is not in the document", ref)
	}
	return &o[i].Value, nil
}

// last returns the name that a reference to a component ends with.
func last(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }
