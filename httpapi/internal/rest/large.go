package rest

import (
	"context"
	"net/http"
	"runtime"
	"slices"
	"sync"
)

// smallBody is the size in bytes up to which bodies are not counted: about what a
// connection costs anyway.
const smallBody = 16 << 10

// large limits requests with large bodies. It bounds the memory of all such bodies, counted
// while they are read: one tenant may take half of it, and one credential a quarter. It also
// bounds how many of one tenant's requests run at once, since a body of a megabyte takes a
// while to decode and write. It is safe for concurrent use.
type large struct {
	most       int64 // bytes of all bodies
	tenant     int64 // bytes of one tenant's
	credential int64 // bytes of one credential's
	running    int   // requests of one tenant

	mu     sync.Mutex
	held   int64
	shares map[string]*share
}

// share is what a tenant or a credential holds. It is kept while a request uses it.
type share struct {
	users  int
	held   int64
	bodies turns
	rows   turns // of bodies of rows, which take long: other bodies do not wait for them
}

// turns are the turns of a tenant's requests.
type turns struct {
	running int
	waiting []chan struct{} // in the order in which they came
}

// newLarge returns the limits for bodies of at most maxBody bytes, but on some routes of up to
// longest. One such body by itself is always allowed, whatever memory says.
func newLarge(memory, maxBody, longest int64) *large {
	const standard = 64 << 20
	if memory <= 0 {
		memory = max(standard, 4*maxBody)
	}
	memory = max(memory, longest)
	return &large{
		most: memory, tenant: max(memory/2, longest), credential: max(memory/4, longest),
		running: max(1, runtime.GOMAXPROCS(0)/2),
		shares:  make(map[string]*share),
	}
}

// load is what one request holds. The zero load holds nothing.
type load struct {
	of                         *large
	tenant, credential         *share
	tenantName, credentialName string
	held                       int64
	turns                      *turns // while it has a turn
}

// begin prepares for a request of a credential. It comes before the first take. The
// credential's name must have the tenant's in it.
func (l *load) begin(of *large, tenant, credential string) {
	of.mu.Lock()
	defer of.mu.Unlock()
	*l = load{of: of, tenantName: "t" + tenant, credentialName: "c" + credential}
	l.tenant, l.credential = of.enter(l.tenantName), of.enter(l.credentialName)
}

func (g *large) enter(name string) *share {
	s := g.shares[name]
	if s == nil {
		s = new(share)
		g.shares[name] = s
	}
	s.users++
	return s
}

func (g *large) leave(name string, s *share, held int64) {
	s.held -= held
	if s.users--; s.users == 0 {
		delete(g.shares, name)
	}
}

// take takes n bytes. It returns a problem if too many are held already.
func (l *load) take(n int64) error {
	g := l.of
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case l.credential.held+n > g.credential, l.tenant.held+n > g.tenant:
		return tooManyBodies()
	case g.held+n > g.most:
		return Unavailable("bodies-in-flight", "The server has too many large bodies to read now. Nothing was written.")
	}
	g.held += n
	l.held += n
	l.credential.held += n
	l.tenant.held += n
	return nil
}

func tooManyBodies() *Problem {
	return &Problem{
		Status: http.StatusTooManyRequests, Code: "bodies-in-flight", Title: "Too many large bodies at once",
		Detail: "The credential or its tenant has too many requests with large bodies under way. Send fewer at once.",
		Header: map[string]string{"Retry-After": "1"},
	}
}

// turn waits until few enough requests of the tenant are worked on.
func (l *load) turn(ctx context.Context, rows bool) error {
	g, of := l.of, &l.tenant.bodies
	if rows {
		of = &l.tenant.rows
	}
	g.mu.Lock()
	if of.running < g.running {
		of.running++
		l.turns = of
		g.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	of.waiting = append(of.waiting, mine)
	g.mu.Unlock()
	select {
	case <-mine:
		l.turns = of
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(of.waiting, mine); i >= 0 {
		of.waiting = slices.Delete(of.waiting, i, i+1)
	} else { // the turn came meanwhile: end gives it back
		l.turns = of
	}
	return ctx.Err()
}

// end gives everything back.
func (l *load) end() {
	g := l.of
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if of := l.turns; of != nil {
		if len(of.waiting) > 0 {
			close(of.waiting[0]) // has the turn now
			of.waiting = slices.Delete(of.waiting, 0, 1)
		} else {
			of.running--
		}
	}
	g.held -= l.held
	g.leave(l.credentialName, l.credential, l.held)
	g.leave(l.tenantName, l.tenant, l.held)
	*l = load{}
}
