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

// ErrNotPermitted: the server does not let this user, or anybody, do what
// CheckServer or Scrub needs.
var ErrNotPermitted = errors.New("redisstore: the server does not permit it")

// verdict is what an error of a request says about its write.
type verdict int

const (
	notSent  verdict = iota // the request did not leave
	refused                 // the server answered that it did not run it
	answered                // the server answered with an error whose effect is not known
	lost                    // the request may have left, and no answer came
)

// judge says what an error of a command means. Retries says that the client
// repeats requests by itself, so that an error speaks of the last try only.
func judge(err error, retries bool) verdict {
	var reply goredis.Error
	var dial *net.OpError
	v := lost
	switch {
	case errors.As(err, new(notConnected)):
		v = notSent
	case errors.As(err, &reply):
		if !ranNot(reply.Error()) {
			return answered
		}
		v = refused
	case errors.Is(err, goredis.ErrPoolTimeout), errors.Is(err, goredis.ErrPoolExhausted),
		errors.Is(err, goredis.ErrClosed):
		v = notSent
	case errors.As(err, &dial) && dial.Op == "dial":
		v = notSent
	}
	if retries {
		return lost
	}
	return v
}

// ranNot says whether an error reply shows that a script wrote nothing. Redis
// raises these before it runs a script, or at its first write. What is not listed,
// a missing right or a key of another type for one, may have come half way.
func ranNot(reply string) bool {
	code, _, _ := strings.Cut(strings.TrimPrefix(reply, "ERR "), " ")
	switch strings.TrimPrefix(code, "-") {
	case "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "CROSSSLOT",
		"OOM", "MISCONF", "NOREPLICAS", "BUSY", "NOSCRIPT", "NOAUTH", "WRONGPASS":
		return true
	case "NOPERM":
		return !strings.Contains(reply, "script:")
	case "Protocol": // of somebody who may not send that much
		return strings.Contains(reply, "unauthenticated")
	case "max":
		return strings.HasPrefix(reply, "ERR max number of clients")
	}
	return false
}

// passing says whether an error may go away soon, as in a failover.
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

// redirected says whether a Cluster node sent the client elsewhere.
func redirected(err error) bool {
	return goredis.HasErrorPrefix(err, "MOVED ") || goredis.HasErrorPrefix(err, "ASK ")
}

// clean removes from an error reply the arguments that Redis quotes in some: they
// may hold a tenant's name or a user's data.
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

// ended returns the error of a call whose context ended after an earlier failure,
// which may be nil.
func ended(ctx context.Context, cause error) error {
	if cause == nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ctx.Err(), cause)
}
