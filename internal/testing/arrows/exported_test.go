package arrows_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestExportedTypesAreUsable: no exported declaration of a public package has a type of an
// internal one, which its users could not name.
func TestExportedTypesAreUsable(t *testing.T) {
	files := 0
	err := fs.WalkDir(os.DirFS(root(t)), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case "internal", "examples", "bench", "tools", "testdata", ".git", ".ci":
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		source, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		for _, fault := range internalTypes(t, name, string(source)) {
			t.Error(fault)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("only %d files were read", files)
	}
}

// TestExportedTypesNotice feeds the check with declarations that it has to refuse.
func TestExportedTypesNotice(t *testing.T) {
	const head = "package p\n\nimport \"" + modulePath + "/httpapi/internal/rest\"\n\n"
	for _, bad := range []string{
		"func F(rest.Field) {}", "func F() (x *rest.Field, err error) { return nil, nil }", "type T struct{ F []rest.Field }",
		"type T struct{ rest.Field }", "type T = rest.Field", "type T interface{ M(map[string]rest.Field) }", "var V rest.Field",
		"type T int\n\nfunc (*T) M(...rest.Field) {}",
	} {
		if len(internalTypes(t, "bad.go", head+bad)) == 0 {
			t.Errorf("not noticed: %s", bad)
		}
	}
	for _, good := range []string{
		"func f(rest.Field) {}", "type T struct{ f rest.Field }", "type t struct{ F rest.Field }", "var V = rest.Zero",
		"type t int\n\nfunc (t) M(rest.Field) {}", "func F() { var _ rest.Field }",
	} {
		if faults := internalTypes(t, "good.go", head+good); len(faults) > 0 {
			t.Errorf("%s: %s", good, faults)
		}
	}
}

// internalTypes returns where the exported declarations of a file have a type of an
// internal package.
func internalTypes(t *testing.T, name, source string) (faults []string) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	internal := make(map[string]bool) // by the name in this file
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		as := path.Base(imported)
		if spec.Name != nil {
			as = spec.Name.Name
		}
		if strings.Contains(imported, "/internal/") {
			internal[as] = true
		}
	}
	look := func(expr ast.Expr) {
		for _, sel := range selectors(expr) {
			if x, ok := sel.X.(*ast.Ident); ok && internal[x.Name] {
				faults = append(faults, set.Position(sel.Pos()).String()+": an exported declaration has the type "+x.Name+"."+sel.Sel.Name)
			}
		}
	}
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Name.IsExported() && (decl.Recv == nil || receiverIsExported(decl.Recv.List[0].Type)) {
				look(decl.Type)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					if spec.Name.IsExported() {
						look(spec.Type)
					}
				case *ast.ValueSpec:
					if spec.Type != nil && anyExported(spec.Names) {
						look(spec.Type)
					}
				}
			}
		}
	}
	return faults
}

func anyExported(names []*ast.Ident) bool {
	return slices.ContainsFunc(names, func(name *ast.Ident) bool { return name.IsExported() })
}

func receiverIsExported(expr ast.Expr) bool {
	switch expr := expr.(type) {
	case *ast.StarExpr:
		return receiverIsExported(expr.X)
	case *ast.IndexExpr:
		return receiverIsExported(expr.X)
	case *ast.Ident:
		return expr.IsExported()
	}
	return true
}

// selectors returns the qualified names in a type that its users see: not those of
// unexported fields and methods.
func selectors(expr ast.Expr) (names []*ast.SelectorExpr) {
	ast.Inspect(expr, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StructType:
			n.Fields.List = slices.DeleteFunc(n.Fields.List, hidden)
		case *ast.InterfaceType:
			n.Methods.List = slices.DeleteFunc(n.Methods.List, hidden)
		case *ast.SelectorExpr:
			names = append(names, n)
		}
		return true
	})
	return names
}

// hidden reports whether a field or method is unexported; an embedded one is not.
func hidden(f *ast.Field) bool { return len(f.Names) > 0 && !anyExported(f.Names) }
