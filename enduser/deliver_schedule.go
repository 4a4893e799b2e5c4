package enduser

import (
	"math/rand/v2"
	"time"
)

const (
	// attemptFor is how long an attempt may take.
	attemptFor = 15 * time.Second

	// sendFor is how long a round begins attempts. Together with the last attempts and the
	// write that ends the round it is shorter than a lease.
	sendFor  = 30 * time.Second
	leaseFor = time.Minute

	// asleepFor is when a webhook with nothing to do is looked at in case that no wake-up came.
	asleepFor = 10 * time.Minute

	inFlight       = 8  // attempts at a time at one webhook
	parkedInFlight = 4  // of them, those of parked objects
	maxParked      = 20 // objects of a webhook
	deadAfter      = 10 // objects that fail one after the other: the webhook backs off
	probesOfParked = 2  // every how many probes one is of a parked object, if all places are taken

	maxRetryAfter = 24 * time.Hour

	// A webhook is disabled if it had no success for disableAfter, and disableFailures or more
	// attempts failed over failingFor or longer.
	disableAfter    = 7 * 24 * time.Hour
	disableFailures = 10
	failingFor      = 24 * time.Hour
)

// maxAttempted is how often an event is attempted before it is a dead letter.
const maxAttempted = 8

// retryIn returns how long to wait after that many failed attempts: of an event, or of probes
// of a webhook that backs off.
func retryIn(failed int) time.Duration {
	switch failed {
	case 0:
		return 0
	case 1:
		return jitter(5 * time.Second)
	case 2:
		return jitter(5 * time.Minute)
	case 3:
		return jitter(30 * time.Minute)
	case 4:
		return jitter(2 * time.Hour)
	case 5:
		return jitter(5 * time.Hour)
	default:
		return jitter(10 * time.Hour)
	}
}

// jitter returns a time that is up to a tenth longer or shorter, in whole milliseconds.
func jitter(d time.Duration) time.Duration {
	return (d - d/10 + rand.N(d/5+1)).Truncate(time.Millisecond) //nolint:gosec // spreads load
}
