package rest

// Observer is told what is found out about a request. The context of the request has it under
// ObserverKey.
type Observer[P any] interface {
	Began(family string)                // a handler has the request
	Matched(path string, access Access) // a route does
	Authenticated(p P)
	Answered(status int, code string) // code is that of a problem, else ""
}

// ObserverKey is the key of an Observer in a context.
type ObserverKey struct{}

// observe finds the request's observer.
func (c *Call[P]) observe() {
	if c.observer, _ = c.Request.Context().Value(ObserverKey{}).(Observer[P]); c.observer != nil {
		c.observer.Began(c.h.config.Family)
	}
}

func (c *Call[P]) answered(status int) {
	if c.observer != nil {
		c.observer.Answered(status, c.code)
	}
}
