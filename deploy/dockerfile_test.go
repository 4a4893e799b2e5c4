package deploy_test

import (
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/rollbook-go/rollbook/internal/testing/size"
)

// imageUser is the user, and group, of the image.
const imageUser = 65532

// TestDockerfile: BuildKit parses the Dockerfile and has no advice. The image has nothing but the
// program, certificates and a folder, and its user has no rights.
func TestDockerfile(t *testing.T) {
	for _, fault := range dockerfileFaults(read(t, "docker/Dockerfile")) {
		t.Error(fault)
	}
}

// TestDockerfileNotices changes the Dockerfile in ways that have to be noticed.
func TestDockerfileNotices(t *testing.T) {
	for _, change := range []struct{ old, replacement string }{
		{"FROM scratch", "FROM debian:bookworm-slim"},
		{"FROM scratch", "FROM scratch\nRUN true"},
		{"AS build", "as build"},
		{"USER 65532:65532", "USER root"},
		{"USER 65532:65532", ""},
		{"--from=build /out/rollbook", "out/rollbook"},
		{"--chown=65532:65532 ", ""},
		{`ENTRYPOINT ["/rollbook"]`, "ENTRYPOINT /rollbook"},
		{"WORKDIR /data", "WORKDIR data"},
		{"EXPOSE", "EXPOSES"},
	} {
		text := read(t, "docker/Dockerfile")
		changed := strings.Replace(text, change.old, change.replacement, 1)
		if changed == text {
			t.Errorf("there is no %q", change.old)
		}
		if len(dockerfileFaults(changed)) == 0 {
			t.Errorf("%q in place of %q is not noticed", change.replacement, change.old)
		}
	}
}

// dockerfileFaults returns what is wrong with a Dockerfile.
func dockerfileFaults(text string) []string {
	stages, faults := parse(text)
	if len(stages) < 2 {
		return append(faults, "there is no stage that builds, or none that is shipped")
	}
	owner := fmt.Sprintf("%d:%d", imageUser, imageUser)
	last, user := stages[len(stages)-1], ""
	must := func(holds bool, what string) {
		if !holds {
			faults = append(faults, what)
		}
	}
	must(last.BaseName == "scratch", "the image is empty to begin with")
	for _, command := range last.Commands {
		switch c := command.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.RunCommand:
			must(false, "nothing runs in an empty image")
		case *instructions.CopyCommand:
			must(c.From == stages[0].Name, "everything comes from the build")
			must(c.DestPath != "/data" || c.Chown == owner && c.Chmod == "0700", "/data is the user's alone")
		case *instructions.EntrypointCommand:
			must(!c.PrependShell, "there is no shell")
		case *instructions.WorkdirCommand:
			must(filepath.IsAbs(c.Path), "an absolute path")
		}
	}
	must(user == owner, "the user has no rights")
	return faults
}

// TestDockerBuild builds the program as the Dockerfile does, from what Docker is sent of the tree:
// it is complete, and the program needs no library. The quick test asks Go whether it is complete.
func TestDockerBuild(t *testing.T) {
	stages, _ := parse(read(t, "docker/Dockerfile"))
	build, env := "", os.Environ()
	for _, command := range stages[0].Commands {
		switch c := command.(type) {
		case *instructions.EnvCommand:
			for _, pair := range c.Env {
				env = append(env, pair.Key+"="+pair.Value)
			}
		case *instructions.RunCommand:
			if line := strings.Join(c.CmdLine, " "); strings.Contains(line, "go build") {
				build = line
			}
		}
	}
	tree, out := context(t), filepath.Join(t.TempDir(), "rollbook")
	whole := size.Pick(t, false, true, true)
	if whole {
		build = strings.ReplaceAll(build, "/out/rollbook", out)
	} else {
		build = "cd cmd/rollbook && go list -deps . >/dev/null"
	}
	shell := exec.CommandContext(t.Context(), "sh", "-ec", build)
	shell.Dir, shell.Env = tree, env
	if said, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, said)
	}
	if !whole {
		return
	}
	program, err := elf.Open(out)
	must(t, err)
	defer program.Close()
	libraries, err := program.ImportedLibraries()
	must(t, err)
	interpreted := slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	if len(libraries) > 0 || interpreted {
		t.Errorf("the program is not static: it needs %v", libraries)
	}
}

// context returns a folder with what Docker is sent of the tree.
func context(t *testing.T) string {
	t.Helper()
	patterns, err := ignorefile.ReadAll(strings.NewReader(read(t, "docker/Dockerfile.dockerignore")))
	must(t, err)
	ignored, err := patternmatcher.New(patterns)
	must(t, err)
	tree, kept := t.TempDir(), 0
	must(t, filepath.WalkDir(root(t), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root(t), path)
		if err != nil || name == "." {
			return err
		}
		ignore, err := ignored.MatchesOrParentMatches(name)
		switch {
		case err != nil:
			return err
		case ignore && entry.IsDir():
			return fs.SkipDir
		case ignore || !entry.Type().IsRegular() && !entry.IsDir():
			return nil
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(tree, name), 0o700)
		}
		kept++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(tree, name), text, 0o600)
	}))
	if kept == 0 {
		t.Fatal("everything is ignored")
	}
	return tree
}

// parse returns the stages of a Dockerfile, and what BuildKit says of it.
func parse(text string) (stages []instructions.Stage, faults []string) {
	parsed, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return nil, []string{err.Error()}
	}
	for _, warning := range parsed.Warnings {
		faults = append(faults, warning.Short)
	}
	advice := linter.New(&linter.Config{
		Warn: func(rule, _, _, short string, _ []parser.Range) { faults = append(faults, rule+": "+short) },
	})
	stages, _, err = instructions.Parse(parsed.AST, advice)
	if err != nil {
		faults = append(faults, err.Error())
	}
	return stages, faults
}

// root returns the folder of the root module.
func root(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("..")
	must(t, err)
	return path
}
