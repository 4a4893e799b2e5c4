package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/internal/testing/ratios"
)

// result is what came of a row.
type result struct {
	median, least, greatest float64
	err                     error
}

// runner builds benchmarks and runs them.
type runner struct {
	root   string // of the repository
	work   string // a folder for programs
	passes int
	older  string // the go.mod that has module bench use the older tree
	noOld  error  // why there is none
}

// measure runs the benchmark of some rows and returns their results.
func (r *runner) measure(ctx context.Context, rows []row) []result {
	results := make([]result, len(rows))
	fail := func(err error) []result {
		for i := range results {
			results[i].err = err
		}
		return results
	}
	if rows[0].bench == "" {
		return fail(errors.New("not built"))
	}
	if slices.ContainsFunc(rows, func(row row) bool { return row.before != "" }) {
		return r.compare(ctx, rows)
	}
	got, err := r.run(ctx, rows[0].bench, "", r.passes)
	if err != nil {
		return fail(err)
	}
	for i, row := range rows {
		median, ok := got[row.unit]
		if !ok {
			results[i].err = fmt.Errorf("%s reports no %s", row.bench, row.unit)
			continue
		}
		results[i] = result{median: median, least: median, greatest: median}
		if least, ok := got[row.unit+ratios.Least]; ok {
			results[i].least, results[i].greatest = least, got[row.unit+ratios.Greatest]
		}
	}
	return results
}

// compare runs a benchmark of both trees, in turns.
func (r *runner) compare(ctx context.Context, rows []row) []result {
	results, values := make([]result, len(rows)), make([][]float64, len(rows))
	folder, _, _ := strings.Cut(rows[0].bench, " ")
	for range r.passes {
		now, err := r.run(ctx, rows[0].bench, "", 1)
		for i, row := range rows {
			switch value := now[row.unit]; {
			case err != nil:
				results[i].err = err
			case row.before == "":
				values[i] = append(values[i], value)
			case r.noOld != nil:
				results[i].err = r.noOld
			default:
				before, err := r.run(ctx, folder+" "+row.before, r.older, 1)
				if err != nil {
					results[i].err = err
				}
				values[i] = append(values[i], value/before[row.unit])
			}
		}
	}
	for i, v := range values {
		if results[i].err == nil {
			results[i] = result{median: ratios.Median(v), least: slices.Min(v), greatest: slices.Max(v)}
		}
	}
	return results
}

// run runs a benchmark once and returns what it reports, by unit. A go.mod replaces the one
// of module bench, if it is given.
func (r *runner) run(ctx context.Context, bench, modfile string, passes int) (map[string]float64, error) {
	fields := strings.Fields(bench)
	folder, name, more := fields[0], fields[1], fields[2:]
	program, err := r.build(ctx, folder, modfile)
	if err != nil {
		return nil, err
	}
	args := []string{"-test.run=^$", "-test.benchtime=1x", "-test.bench=^Benchmark" + strings.ReplaceAll(name, "/", "$/^") + "$"}
	cmd := exec.CommandContext(ctx, program, append(args, more...)...)
	cmd.Dir = filepath.Join(r.root, folder)
	cmd.Env = append(cmd.Environ(), "ROLLBOOK_PASSES="+strconv.Itoa(passes))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", bench, err, out[:min(len(out), 1000)])
	}
	return parse(string(out), name)
}

// build compiles the benchmarks of a folder once.
func (r *runner) build(ctx context.Context, folder, modfile string) (string, error) {
	program := filepath.Join(r.work, strings.ReplaceAll(folder, "/", "-"))
	args := []string{"test", "-buildvcs=false", "-c", "-o"}
	if modfile != "" {
		program += "-older"
		args = append(args, program, "-modfile="+modfile, ".")
	} else {
		args = append(args, program, ".")
	}
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(r.root, folder)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", folder, err, out)
	}
	return program, nil
}

// parse returns the figures of a benchmark in what `go test` prints.
func parse(out, name string) (map[string]float64, error) {
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !strings.HasPrefix(fields[0], "Benchmark"+name) {
			continue
		}
		figures := make(map[string]float64)
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, err
			}
			figures[fields[i+1]] = value
		}
		return figures, nil
	}
	return nil, fmt.Errorf("no result of %s in:\n%s", name, out)
}

// checkout puts an older revision of the repository into a folder and writes a go.mod with
// which module bench uses it.
func checkout(ctx context.Context, root, revision, work string) (modfile string, err error) {
	tree := filepath.Join(work, "older")
	for _, args := range [][]string{
		{"clone", "--quiet", "--shared", "--no-checkout", root, tree},
		{"-C", tree, "checkout", "--quiet", revision},
	} {
		if out, err := exec.CommandContext(ctx, "git", args...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("no revision %s: %w: %s", revision, err, bytes.TrimSpace(out))
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, "bench", name))
		if err != nil {
			return "", err
		}
		text = bytes.ReplaceAll(text, []byte("rollbook => ../\n"), []byte("rollbook => "+tree+"\n"))
		if err := os.WriteFile(filepath.Join(work, name), text, 0o600); err != nil {
			return "", err
		}
	}
	return filepath.Join(work, "go.mod"), nil
}
