// Command table prints what Rollbook reaches of its targets for speed, as the table of
// docs/performance.md.
//
//	go run ./table             every row, about half an hour
//	go run ./table -quick      one pass of some rows, within two minutes once all is built
//	go run ./table -rows 1,13  these rows
//
// It runs in the folder bench. A row is one figure of a benchmark that measures both sides
// of a ratio in turns: the table has the median of its passes, and the least and the greatest.
// Rows that compare with before build one benchmark against an older revision, too. Redis
// needs redis-server and redis-benchmark on PATH, and PostgreSQL its server programs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const wholeRun = 40 * time.Minute

// reference is the revision before reads and writes were made faster.
const reference = "ff4af1b"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("table", flag.ContinueOnError)
	brief := f.Bool("quick", false, "one pass of some rows")
	only := f.String("rows", "", "the numbers of the rows, with commas; all if empty")
	passes := f.Int("passes", 5, "passes, of which the median counts")
	base := f.String("base", reference, "the revision that rows against before compare with")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *passes < 1 || f.NArg() > 0 {
		f.Usage()
		return flag.ErrHelp
	}
	if *brief {
		*passes = 1
	}
	list, err := chosen(*only, *brief)
	if err != nil {
		return err
	}
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "table")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	ctx, cancel := context.WithTimeout(ctx, wholeRun)
	defer cancel()

	r := &runner{root: root, work: work, passes: *passes}
	if slices.ContainsFunc(list, func(row row) bool { return row.before != "" }) {
		r.older, r.noOld = checkout(ctx, root, *base, work)
	}
	results, err := r.all(ctx, list)
	fmt.Print(table(list, results))
	return err
}

// chosen returns the rows that were asked for.
func chosen(only string, brief bool) ([]row, error) {
	list := rows()
	if brief {
		list = slices.DeleteFunc(list, func(r row) bool { return !isQuick(r.number) })
	}
	if only == "" {
		return list, nil
	}
	numbers := strings.Split(only, ",")
	list = slices.DeleteFunc(list, func(r row) bool { return !slices.Contains(numbers, strconv.Itoa(r.number)) })
	if len(list) == 0 {
		return nil, fmt.Errorf("-rows %s: there are none", only)
	}
	return list, nil
}

// all measures the rows. Those with one benchmark share its run.
func (r *runner) all(ctx context.Context, list []row) ([]result, error) {
	results := make([]result, len(list))
	var failed []error
	begin := time.Now()
	for i, first := range list {
		if slices.ContainsFunc(list[:i], func(row row) bool { return row.bench == first.bench }) {
			continue
		}
		var group []row
		var at []int
		for j, row := range list {
			if row.bench == first.bench {
				group, at = append(group, row), append(at, j)
			}
		}
		fmt.Fprintf(os.Stderr, "%5.0fs  %2d/%d  %s\n", time.Since(begin).Seconds(), i+1, len(list), first.bench)
		for k, result := range r.measure(ctx, group) {
			results[at[k]] = result
			if result.err != nil && k == 0 && first.bench != "" {
				failed = append(failed, result.err)
			}
		}
	}
	return results, errors.Join(failed...)
}

// table returns the results as Markdown.
func table(list []row, results []result) string {
	lines := [][]string{{"Row", "What", "Target", "Reached", "Spread"}, {"---", "---", "---", "---", "---"}}
	for i, row := range list {
		reached, spread := "not measured", ""
		switch r := results[i]; {
		case row.bench == "":
			reached = "not built"
		case r.err == nil:
			reached = number(r.median) + row.target.unit
			if !row.target.reached(r.median) {
				reached += ", missed"
			}
			spread = number(r.least) + "–" + number(r.greatest)
		}
		lines = append(lines, []string{strconv.Itoa(row.number), row.what, row.target.String(), reached, spread})
	}
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for _, line := range lines {
		for i, cell := range line {
			fmt.Fprintf(&b, "| %s%s ", cell, strings.Repeat(" ", widths[i]-len([]rune(cell))))
		}
		b.WriteString("|\n")
	}
	return b.String()
}

// number writes a value with three digits, or more if they are whole.
func number(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
