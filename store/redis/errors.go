package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
)

// ErrNotPermitted: the server does not allow this user, or anyone, to do what
// CheckServer or Scrub needs.
var ErrNotPermitted = errors.New("redisstore: the server does not permit it")

// mayHaveRun reports whether the server may have run a command, or a part of its script,
// that failed with err.
func mayHaveRun(err error) bool {
	var reply goredis.Error
	var dial *net.OpError
	switch {
	case errors.As(err, new(notConnected)):
		return false
	case errors.As(err, &reply):
		return !neverRan(reply.Error())
	case errors.Is(err, goredis.ErrPoolTimeout), errors.Is(err, goredis.ErrPoolExhausted),
		errors.Is(err, goredis.ErrClosed):
		return false
	}
	return !errors.As(err, &dial) || dial.Op != "dial"
}

// neverRan reports whether an error reply shows that a script wrote nothing. Redis raises
// these before it runs a script, or at its first write. All others, such as a missing
// right or a key of another type, may stop a script half way.
func neverRan(reply string) bool {
	code, _, _ := strings.Cut(strings.TrimPrefix(reply, "ERR "), " ")
	switch strings.TrimPrefix(code, "-") {
	case "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "CROSSSLOT",
		"OOM", "MISCONF", "NOREPLICAS", "BUSY", "NOSCRIPT", "NOAUTH", "WRONGPASS":
		return true
	case "NOPERM":
		return !strings.Contains(reply, "script:")
	case "Protocol": // the connection is not authenticated and may not send that much
		return strings.Contains(reply, "unauthenticated")
	case "max":
		return strings.HasPrefix(reply, "ERR max number of clients")
	}
	return false
}

// passing reports whether an error may pass soon, as in a failover.
func passing(err error) bool {
	var settled outcome
	var reply goredis.Error
	switch {
	case errors.As(err, &settled), errors.Is(err, goredis.ErrClosed),
		errors.Is(err, errReply), errors.Is(err, errCounter):
		return false
	case !errors.As(err, &reply):
		return true // of the network
	}
	switch code, _, _ := strings.Cut(reply.Error(), " "); code {
	case "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "NOREPLICAS", "BUSY":
		return true
	}
	return false
}

// redirected reports whether a Cluster node sent the client elsewhere.
func redirected(err error) bool {
	return goredis.HasErrorPrefix(err, "MOVED ") || goredis.HasErrorPrefix(err, "ASK ")
}

// movedMeanwhile reports whether a slot moved to another node while a script ran on it.
func movedMeanwhile(err error) bool {
	var reply goredis.Error
	return errors.As(err, &reply) && strings.Contains(reply.Error(), "attempted to access a non local key")
}

// clean removes the arguments that Redis quotes in some error replies: they may hold a
// tenant's name or a user's data.
func clean(err error) error {
	var reply goredis.Error
	if !errors.As(err, &reply) {
		return err
	}
	text, _, cut := strings.Cut(reply.Error(), ", with args")
	if !cut {
		return err
	}
	return errors.New(text)
}

// unavailable wraps a cause: nothing was written.
func unavailable(cause error) error {
	if cause == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, clean(cause))
}

// unknown wraps a cause: a write may have happened.
func unknown(cause error) error {
	return fmt.Errorf("%w: %w", store.ErrUnknown, clean(cause))
}

// readError returns the error of a call that failed and wrote nothing: the context's if that
// has ended, else ErrUnavailable.
func readError(ctx context.Context, cause error) error {
	if cause != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return unavailable(cause)
}
