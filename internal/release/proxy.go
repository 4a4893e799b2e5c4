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

// makeProxy writes the root module and those nested ones that are released, as they stand
// in a tree, into a folder that GOPROXY can name. Their version is the one of root that
// the nested modules require.
func makeProxy(tree, dir string) error {
	nested := "store/postgres"
	version, err := required(filepath.Join(tree, nested))
	if err != nil {
		return err
	}
	for _, sub := range []string{"", nested} {
		m := module{path.Join(rootModule, sub), version, filepath.Join(tree, sub)}
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
	mod, err := os.ReadFile(filepath.Join(m.folder, "go.mod"))
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
		m.pack(archive),
		archive.Close(),
	)
}

// pack writes the files of a module as go.dev/ref/mod#zip-files has them: without the
// modules nested in it. The go command checks names and sizes when it unpacks them.
func (m module) pack(w io.Writer) error {
	files := os.DirFS(m.folder)
	z := zip.NewWriter(w)
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case d.IsDir():
			if _, err := fs.Stat(files, name+"/go.mod"); err == nil || d.Name() == ".git" || d.Name() == "vendor" {
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
		f, err := z.Create(m.path + "@" + m.version + "/" + name)
		if err == nil {
			_, err = f.Write(content)
		}
		return err
	})
	return errors.Join(err, z.Close())
}
