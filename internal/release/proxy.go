package main

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
)

// nested returns the folders of the modules that are released beside root.
func nested() []string { return []string{"store/postgres", "otelrollbook", "cmd/rollbook"} }

// makeProxy writes the root module and the nested ones, as they stand in a tree but without
// replace lines, into a folder that GOPROXY can name. Their version is the one of root that
// the nested modules require.
func makeProxy(tree, dir string) error {
	version, err := required(filepath.Join(tree, nested()[0]))
	if err != nil {
		return err
	}
	for _, sub := range append([]string{""}, nested()...) {
		m := module{path.Join(rootModule, sub), version, filepath.Join(tree, filepath.FromSlash(sub))}
		if err := m.publish(filepath.Join(dir, filepath.FromSlash(m.path), "@v")); err != nil {
			return fmt.Errorf("%s: %w", m.path, err)
		}
	}
	return nil
}

// required returns the version of root that the module in a folder requires.
func required(folder string) (string, error) {
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = folder
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: go mod edit: %w", folder, err)
	}
	var mod struct {
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		return "", err
	}
	for _, r := range mod.Require {
		if r.Path == rootModule {
			return r.Version, nil
		}
	}
	return "", fmt.Errorf("%s does not require %s", folder, rootModule)
}

// module is a module at a version, and where its files are.
type module struct{ path, version, folder string }

// publish writes what a proxy has of a module into its folder there.
func (m module) publish(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	mod, err := m.plain()
	if err != nil {
		return err
	}
	archive, err := os.Create(filepath.Join(dir, m.version+".zip"))
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "list"), []byte(m.version+"\n"), 0o600),
		os.WriteFile(filepath.Join(dir, m.version+".info"), []byte(`{"Version":"`+m.version+`"}`), 0o600),
		os.WriteFile(filepath.Join(dir, m.version+".mod"), mod, 0o600),
		m.pack(archive, mod),
		archive.Close(),
	)
}

// plain returns the go.mod of a module without replace lines: go install refuses a program
// that has any.
func (m module) plain() ([]byte, error) {
	list := exec.Command("go", "mod", "edit", "-json")
	list.Dir = m.folder
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: go mod edit: %w", m.folder, err)
	}
	var mod struct {
		Replace []struct{ Old struct{ Path string } }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		return nil, err
	}
	args := []string{"mod", "edit", "-print"}
	for _, r := range mod.Replace {
		args = append(args, "-dropreplace="+r.Old.Path)
	}
	edit := exec.Command("go", args...)
	edit.Dir = m.folder
	return edit.Output()
}

// pack writes the files of a module, with this go.mod, as go.dev/ref/mod#zip-files has them:
// without the modules nested in it. The go command checks names and sizes when it unpacks them.
func (m module) pack(w io.Writer, mod []byte) error {
	files := os.DirFS(m.folder)
	z := zip.NewWriter(w)
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case d.IsDir():
			if _, err := fs.Stat(files, name+"/go.mod"); err == nil || d.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if name == "go.mod" {
			content = mod
		}
		f, err := z.Create(m.path + "@" + m.version + "/" + name)
		if err == nil {
			_, err = f.Write(content)
		}
		return err
	})
	return errors.Join(err, z.Close())
}
