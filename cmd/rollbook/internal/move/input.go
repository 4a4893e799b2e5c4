package move

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// input is something that is read: a file, or the standard input. It counts what was read.
type input struct {
	ctx   context.Context // of the command
	name  string          // "" of the standard input
	stdin io.Reader
	size  int64 // of it and the files behind it; 0: not known

	r           io.Reader
	file        *os.File
	read, lines atomic.Int64
}

// inputs are the inputs of a command, in their order.
type inputs []*input

// openInputs finds the files, so that one that does not exist is known before anything is done.
func openInputs(ctx context.Context, stdin io.Reader, paths []string) (inputs, error) {
	if len(paths) == 0 {
		paths = []string{"-"}
	}
	all := make(inputs, len(paths))
	known, size := true, int64(0)
	for n := len(paths) - 1; n >= 0; n-- {
		all[n] = &input{ctx: ctx, stdin: stdin}
		if paths[n] == "-" {
			known = false
			continue
		}
		info, err := os.Stat(paths[n])
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, cli.Exit(cli.NotFound, fmt.Errorf("there is no file %s", paths[n]))
		case err != nil:
			return nil, err
		case info.IsDir():
			return nil, cli.Exit(cli.Usage, fmt.Errorf("%s is a folder", paths[n]))
		}
		all[n].name = paths[n]
		size += info.Size()
		if known = known && info.Mode().IsRegular(); known {
			all[n].size = size
		}
	}
	return all, nil
}

// joined returns all inputs as one.
func (in inputs) joined() *input {
	if len(in) == 1 {
		return in[0]
	}
	readers := make([]io.Reader, len(in))
	for n := range in {
		readers[n] = in[n]
	}
	return &input{r: io.MultiReader(readers...), size: in[0].size}
}

func (in inputs) close() {
	for _, one := range in {
		one.close()
	}
}

// is reports whether the input is a file.
func (in *input) is(info os.FileInfo) bool {
	own, err := os.Stat(in.name)
	if f, isFile := in.stdin.(*os.File); in.name == "" && isFile {
		own, err = f.Stat()
	}
	return err == nil && own.Mode().IsRegular() && os.SameFile(own, info)
}

// open opens the file. Read does it, too.
func (in *input) open() (err error) {
	switch {
	case in.r != nil:
	case in.name == "":
		in.r = until(in.ctx, in.stdin)
	default:
		if in.file, err = os.Open(in.name); err == nil {
			in.r = in.file
		}
	}
	return err
}

// until returns a reader of r that fails when ctx ends, also while it waits for r: somebody may
// still be typing.
func until(ctx context.Context, r io.Reader) io.Reader {
	out, in := io.Pipe()
	context.AfterFunc(ctx, func() { _ = in.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.Copy(in, r)
		_ = in.CloseWithError(err)
	}()
	return out
}

func (in *input) close() {
	if in.file != nil {
		_ = in.file.Close() // nothing was written
		in.file = nil
	}
}

// Read implements io.Reader.
func (in *input) Read(p []byte) (int, error) {
	if err := in.open(); err != nil {
		return 0, err
	}
	n, err := in.r.Read(p)
	in.read.Add(int64(n))
	in.lines.Add(int64(bytes.Count(p[:n], []byte("\n"))))
	return n, err
}

// estimate returns how many rows there are from here to the last file, if the first ones were
// read so far; 0 if nobody knows.
func (in *input) estimate(rows int64) int64 {
	read := in.read.Load()
	if in.size == 0 || read == 0 {
		return 0
	}
	return int64(float64(rows) * max(1, float64(in.size)/float64(read)))
}
