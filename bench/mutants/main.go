// Command mutants changes the code of a package in small ways, one at a time, and runs the
// tests of some packages on each. A mutant that no test kills shows what nobody checks.
//
//	mutants [-n 40] [-seed 1] [-timeout 2m] package [test package ...]
//
// Without test packages it runs those of the package itself. It prints each mutant that
// survives, and in the end how many of how many were killed. The same seed and the same
// code give the same mutants. No file is changed: go test gets each mutant as an overlay.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	n := flag.Int("n", 40, "how many mutants")
	seed := flag.Uint64("seed", 1, "which mutants")
	timeout := flag.Duration("timeout", 2*time.Minute, "for the tests of one mutant; one that takes longer is killed")
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	tests := flag.Args()[1:]
	if len(tests) == 0 {
		tests = flag.Args()[:1]
	}
	all, err := mutantsOf(flag.Arg(0))
	if err == nil {
		rand.New(rand.NewPCG(*seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		err = run(all, *n, *timeout, tests)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// mutant is one change of one file.
type mutant struct {
	file     string
	line     int
	from, to int // bytes that are replaced
	old, new string
}

func (m mutant) String() string {
	return fmt.Sprintf("%s:%d: %s → %s", filepath.Base(m.file), m.line, strings.Join(strings.Fields(m.old), " "), m.new)
}

// mutantsOf returns all mutants of a package, in the order of its files.
func mutantsOf(pkg string) ([]mutant, error) {
	out, err := exec.CommandContext(context.Background(), "go", "list", "-json=Dir,GoFiles", pkg).Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w", pkg, err)
	}
	var listed struct {
		Dir     string
		GoFiles []string
	}
	if err := json.Unmarshal(out, &listed); err != nil {
		return nil, err
	}
	var all []mutant
	for _, name := range listed.GoFiles {
		path := filepath.Join(listed.Dir, name)
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, source, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		add := func(from, to token.Pos, replacement string) {
			a, b := set.Position(from), set.Position(to)
			all = append(all, mutant{path, a.Line, a.Offset, b.Offset, string(source[a.Offset:b.Offset]), replacement})
		}
		ast.Inspect(file, func(n ast.Node) bool {
			mutate(n, add)
			return true
		})
	}
	return all, nil
}

// mutate adds the mutants of one node.
func mutate(n ast.Node, add func(from, to token.Pos, replacement string)) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		if other := opposite(n.Op); other != "" {
			add(n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), other)
		}
	case *ast.IfStmt:
		add(n.Cond.Pos(), n.Cond.End(), "true")
		add(n.Cond.Pos(), n.Cond.End(), "false")
	case *ast.ExprStmt:
		add(n.Pos(), n.End(), "_ = 0")
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			add(n.Pos(), n.End(), "_ = 0")
		}
	case *ast.ReturnStmt:
		for _, result := range n.Results {
			if id, ok := result.(*ast.Ident); ok && id.Name == "err" {
				add(id.Pos(), id.End(), "nil")
			}
		}
	}
}

// opposite returns the operator that takes an operator's place, "" for none.
func opposite(op token.Token) string {
	pairs := []token.Token{
		token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ, token.LAND, token.LOR, token.ADD, token.SUB,
	}
	i := slices.Index(pairs, op)
	if i < 0 {
		return ""
	}
	return pairs[i^1].String()
}

// run tests mutants until n of them have compiled.
func run(all []mutant, n int, timeout time.Duration, tests []string) error {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if out, err := test(timeout*2, tests); err != nil {
		return fmt.Errorf("the tests fail without a mutant: %w\n%s", err, out)
	}
	killed, tried := 0, 0
	for _, m := range all {
		if tried == n {
			break
		}
		overlay, err := m.write(dir)
		if err != nil {
			return err
		}
		out, err := test(timeout, append([]string{"-overlay", overlay}, tests...))
		switch {
		case err != nil && strings.Contains(out, "[build failed]"):
			continue
		case err != nil:
			killed++
		default:
			fmt.Println("survived:", m)
		}
		tried++
		fmt.Fprintf(os.Stderr, "\r%d of %d, %d killed ", tried, n, killed)
	}
	fmt.Fprintln(os.Stderr)
	fmt.Printf("killed %d of %d\n", killed, tried)
	return nil
}

// write writes the changed file, and the overlay that puts it in place of the original.
func (m mutant) write(dir string) (overlay string, err error) {
	source, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	changed := filepath.Join(dir, "mutant.go")
	text := string(source[:m.from]) + m.new + string(source[m.to:])
	if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
		return "", err
	}
	data, err := json.Marshal(map[string]map[string]string{"Replace": {m.file: changed}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, data, 0o600)
}

// test runs tests until the first failure, without vet. A test that hangs fails.
func test(timeout time.Duration, args []string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout+time.Minute)
	defer cancel()
	args = append([]string{"test", "-count=1", "-failfast", "-vet=off", "-timeout", timeout.String()}, args...)
	out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput()
	if ctx.Err() != nil {
		err = errors.Join(err, ctx.Err())
	}
	return string(out), err
}
