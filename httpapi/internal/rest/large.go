package rest

import (
	"context"
	"net/http"
	"runtime"
	"slices"
	"sync"
)

// smallBody is the size up to which bodies are not counted: about what a connection
// costs anyway.
const smallBody = 16 << 10

// large bounds what requests with large bodies take: the memory of all bodies at once,
// a tenant's half and a credential's quarter of it, counted as they are read; and how
// many of one tenant are worked on at once, since a body of a megabyte takes a while to
// be decoded and written. It is safe for concurrent use.
type large struct {
	most       int64 // bytes
	tenant     int64
	credential int64
	running    int // of one tenant

	mu     sync.Mutex
	held   int64
	shares map[string]*share
}

// share is what a tenant or a credential has of it. It is kept while somebody uses it.
type share struct {
	users   int
	held    int64
	running int
	waiting []chan struct{} // for their turn, the first to come first
}

// newLarge returns the bounds for bodies of at most maxBody, which is always allowed by
// itself: that much or more of memory.
func newLarge(memory, maxBody int64) *large {
	const standard = 64 << 20
	if memory <= 0 {
		memory = max(standard, 4*maxBody)
	}
	memory = max(memory, maxBody)
	return &large{
		most: memory, tenant: max(memory/2, maxBody), credential: max(memory/4, maxBody),
		running: max(1, runtime.GOMAXPROCS(0)/2),
		shares:  make(map[string]*share),
	}
}

// load is what one request has taken. The zero load has taken nothing.
type load struct {
	of                         *large
	tenant, credential         *share
	tenantName, credentialName string
	held                       int64
	running                    bool
}

// begin is called before anything is taken for a request of a credential, whose name
// has that of its tenant in it.
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

// take takes so many bytes, or returns the problem that others hold too many.
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
		Detail: "The requests of the credential or its tenant that are under way have large bodies. Send fewer at once.",
		Header: map[string]string{"Retry-After": "1"},
	}
}

// turn waits until few enough requests of the tenant are worked on.
func (l *load) turn(ctx context.Context) error {
	g := l.of
	g.mu.Lock()
	if l.tenant.running < g.running {
		l.tenant.running++
		l.running = true
		g.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	l.tenant.waiting = append(l.tenant.waiting, mine)
	g.mu.Unlock()
	select {
	case <-mine:
		l.running = true
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(l.tenant.waiting, mine); i >= 0 {
		l.tenant.waiting = slices.Delete(l.tenant.waiting, i, i+1)
	} else { // the turn came meanwhile: end gives it back
		l.running = true
	}
	return ctx.Err()
}

// end gives back everything.
func (l *load) end() {
	g := l.of
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if l.running {
		if len(l.tenant.waiting) > 0 {
			close(l.tenant.waiting[0]) // who has the turn now
			l.tenant.waiting = slices.Delete(l.tenant.waiting, 0, 1)
		} else {
			l.tenant.running--
		}
	}
	g.held -= l.held
	g.leave(l.credentialName, l.credential, l.held)
	g.leave(l.tenantName, l.tenant, l.held)
	*l = load{}
}
