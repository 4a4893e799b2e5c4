package docs

import (
	"encoding/json"
	"slices"
)

// parse reads a document and puts in what it refers to. References to schemas stay: they
// become links.
func parse(document []byte) (*api, error) {
	a := new(api)
	if err := json.Unmarshal(document, a); err != nil {
		return nil, err
	}
	for _, s := range a.Components.Schemas {
		if err := a.check(s.Value); err != nil {
			return nil, err
		}
	}
	for _, h := range a.Components.Headers {
		if err := a.check(h.Value.Schema); err != nil {
			return nil, err
		}
	}
	for i := range a.Components.Responses {
		if err := a.resolveResponse(&a.Components.Responses[i].Value); err != nil {
			return nil, err
		}
	}
	for _, paths := range []ordered[pathItem]{a.Paths, a.Webhooks} {
		for _, path := range paths {
			for i := range path.Value.operations {
				o := &path.Value.operations[i]
				o.Path = path.Name
				o.Parameters = slices.Concat(path.Value.parameters, o.Parameters)
				if err := a.resolve(o); err != nil {
					return nil, err
				}
			}
		}
	}
	a.tag()
	return a, nil
}

// tag makes sure that every operation has a tag that the page has a section for.
func (a *api) tag() {
	for _, path := range a.Paths {
		for i := range path.Value.operations {
			o := &path.Value.operations[i]
			if len(o.Tags) == 0 {
				o.Tags = []string{"Other"}
			}
			for _, tag := range o.Tags {
				if !slices.ContainsFunc(a.Tags, func(t tagged) bool { return t.Name == tag }) {
					a.Tags = append(a.Tags, tagged{Name: tag})
				}
			}
		}
	}
}

func (a *api) resolve(o *operation) error {
	for i := range o.Parameters {
		p := &o.Parameters[i]
		if p.Ref != "" {
			shared, err := a.Components.Parameters.get(p.Ref)
			if err != nil {
				return err
			}
			ref := p.Ref
			*p = *shared
			p.Ref = ref
		}
		if err := a.check(p.Schema); err != nil {
			return err
		}
	}
	for _, m := range o.RequestBody.Content {
		if err := a.check(m.Value.Schema); err != nil {
			return err
		}
	}
	for i := range o.Responses {
		if err := a.resolveResponse(&o.Responses[i].Value); err != nil {
			return err
		}
	}
	return nil
}

func (a *api) resolveResponse(r *response) error {
	if r.Ref != "" {
		shared, err := a.Components.Responses.get(r.Ref)
		if err != nil {
			return err
		}
		ref := r.Ref
		*r = *shared
		r.Ref = ref
	}
	for i := range r.Headers {
		h := &r.Headers[i].Value
		if h.Ref != "" {
			shared, err := a.Components.Headers.get(h.Ref)
			if err != nil {
				return err
			}
			ref := h.Ref
			*h = *shared
			h.Ref = ref
		}
		if err := a.check(h.Schema); err != nil {
			return err
		}
	}
	for _, m := range r.Content {
		if err := a.check(m.Value.Schema); err != nil {
			return err
		}
	}
	return nil
}

// check returns an error if a schema refers to one that is not there.
func (a *api) check(s schema) error {
	if s.Ref != "" {
		if _, err := a.Components.Schemas.get(s.Ref); err != nil {
			return err
		}
	}
	for _, below := range s.below() {
		if err := a.check(below); err != nil {
			return err
		}
	}
	return nil
}
