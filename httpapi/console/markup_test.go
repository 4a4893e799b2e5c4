package console

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"html/template"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every form of fill is a literal with a "%" for each text, and is filled as html/template, which
// knows where in HTML a text stands, would fill it with hostile texts. Nothing becomes HTML but by
// fill, and nothing a constant by a conversion.
func TestMarkupIsEscaped(t *testing.T) {
	t.Parallel()
	forms, fills := 0, []string{"m.text.WriteString(before)", "m.text.WriteString(template.HTMLEscapeString(text))", "m.text.WriteString(rest)"}
	for _, call := range callsOf(t) {
		switch source := types.ExprString(call); {
		case strings.HasSuffix(types.ExprString(call.Fun), ".fill"):
			forms++
			checkForm(t, call)
		case strings.HasPrefix(source, "constant("),
			strings.HasPrefix(source, "template.HTML(") && source != "template.HTML(m.text.String())",
			strings.Contains(source, ".text.Write") && !slices.Contains(fills, source):
			t.Errorf("%s goes around fill", source)
		}
	}
	if forms < 30 {
		t.Errorf("%d forms were found", forms)
	}
	if found := regexp.MustCompile(`(^|\s)(style|on[a-z]+|hx-on[a-z:-]*)=`).FindAllString(strings.Join(formsOf(t), "\n"), -1); found != nil {
		t.Errorf("elements have styles or handlers of their own: %q", found)
	}
}

// formsOf returns the literals from which HTML is made.
func formsOf(t *testing.T) (forms []string) {
	t.Helper()
	for _, call := range callsOf(t) {
		if name := types.ExprString(call.Fun); !strings.HasSuffix(name, ".fill") && !strings.HasSuffix(name, ".flag") {
			continue
		}
		for _, arg := range call.Args {
			if literal, ok := arg.(*ast.BasicLit); ok {
				forms = append(forms, textOf(t, literal))
			}
		}
	}
	return forms
}

func textOf(t *testing.T, literal *ast.BasicLit) string {
	t.Helper()
	text, err := strconv.Unquote(literal.Value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// callsOf returns all calls of the package.
func callsOf(t *testing.T) (calls []*ast.CallExpr) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				calls = append(calls, call)
			}
			return true
		})
	}
	return calls
}

var (
	insideTag = regexp.MustCompile(`^(>| [a-z-]+(=|$))`)
	inAddress = regexp.MustCompile(`(href|src|action|hx-get)="[^"]*$`)
)

func checkForm(t *testing.T, call *ast.CallExpr) {
	t.Helper()
	literal, ok := call.Args[0].(*ast.BasicLit)
	if !ok { // that of flag is a constant, too, and has no texts
		if len(call.Args) > 1 {
			t.Errorf("%s: not a literal", types.ExprString(call))
		}
		return
	}
	form := textOf(t, literal)
	parts := strings.Split(form, "%")
	if len(parts) != len(call.Args) {
		t.Errorf("%s: %d places for %d texts", form, len(parts)-1, len(call.Args)-1)
		return
	}
	opening, closing := "", ""
	if insideTag.MatchString(form) {
		opening = "<p"
	}
	if _, tag := cutLast(opening+form, "<"); !strings.Contains(tag, ">") {
		closing = "></textarea>" // which is ignored after other tags
	}
	texts, values := make([]string, len(parts)-1), make(map[string]string)
	asTemplate := opening + parts[0]
	for i, part := range parts[1:] {
		texts[i] = "<\"'&>`= x"
		switch source := types.ExprString(call.Args[i+1]); {
		case !inAddress.MatchString(asTemplate):
		case source == "root" || strings.HasSuffix(source, ".Root"):
			texts[i] = "../"
		case i > 0 && texts[i-1] == "../" && parts[i] == "": // behind the root, where there is no scheme
			texts[i] = "users?x=y&z"
		case strings.ContainsAny(asTemplate[strings.LastIndexByte(asTemplate, '"'):], "?#"): // fill does not escape for a query
			texts[i] = "x"
		default:
			texts[i] = "javascript:x"
		}
		name := "v" + strconv.Itoa(i)
		values[name] = texts[i]
		asTemplate += "{{." + name + "}}" + part
	}
	var want strings.Builder
	parsed, err := template.New("").Parse(asTemplate + closing)
	if err == nil {
		err = parsed.Execute(&want, values)
	}
	if err != nil {
		t.Errorf("%s: %v", form, err)
		return
	}
	var m markup
	m.fill(constant(form), texts...)
	if got := opening + m.text.String() + closing; got != want.String() {
		t.Errorf("%s is filled as\n%s\nand not as\n%s", form, got, want.String())
	}
}

// cutLast cuts a text around the last separator.
func cutLast(text, separator string) (before, after string) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, ">"
	}
	return text[:i], text[i+len(separator):]
}
