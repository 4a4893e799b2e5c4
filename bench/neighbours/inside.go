package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime/debug"
	"strings"
)

// inside are the loads that run in the server, by their names. Each is a round, which is
// repeated until the load ends.
type inside map[string]func(context.Context, *tally) error

// obey does what it reads, a line each, and answers: "rest" returns memory that is not
// needed, "begin" with a name begins a load, and "end" ends it.
func (loads inside) obey(ctx context.Context, orders io.Reader, answers io.Writer) error {
	out := json.NewEncoder(answers)
	end := func() (tally, error) { return tally{}, nil }
	for scan := bufio.NewScanner(orders); scan.Scan(); {
		var load tally
		var err error
		switch what, name, _ := strings.Cut(scan.Text(), " "); what {
		case "rest":
			debug.FreeOSMemory()
		case "begin":
			end = begin(ctx, loads[name])
		case "end":
			load, err = end()
		}
		if err := errors.Join(err, out.Encode(load)); err != nil {
			return err
		}
	}
	return nil
}

// begin begins a load.
func begin(ctx context.Context, round func(context.Context, *tally) error) (end func() (tally, error)) {
	ctx, cancel := context.WithCancel(ctx)
	var t tally
	over := make(chan error, 1)
	go func() {
		var err error
		for err == nil && ctx.Err() == nil {
			err = round(ctx, &t)
		}
		if ctx.Err() != nil {
			err = nil
		}
		over <- err
	}()
	return func() (tally, error) {
		cancel()
		err := <-over
		return t, err
	}
}
