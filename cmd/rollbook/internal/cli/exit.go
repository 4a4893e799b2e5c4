package cli

import "errors"

// The exit statuses of the program.
const (
	OK          = 0
	Failed      = 1   // the store, the network or a file failed
	Usage       = 2   // wrong arguments or settings; nothing was done
	Rejected    = 3   // done, but some rows were rejected, or some records are damaged
	NotFound    = 4   // what was asked for does not exist
	Refused     = 5   // something is in the way, or changed meanwhile; nothing more was done
	Interrupted = 130 // ended by SIGINT (SIGTERM: 143); the same command takes the work up again
)

// exit is an error with an exit status.
type exit struct {
	error
	status int
}

func (e exit) Unwrap() error { return e.error }

// Exit returns an error with which the program ends with a status. A nil error stays nil.
func Exit(status int, err error) error {
	if err == nil {
		return nil
	}
	return exit{err, status}
}

// Status returns the exit status of an error that a command returned.
func Status(err error) int {
	var e exit
	switch {
	case err == nil:
		return OK
	case errors.As(err, &e):
		return e.status
	default:
		return Failed
	}
}
