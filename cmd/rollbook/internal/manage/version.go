package manage

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// Version prints the version.
type Version struct{}

// Run prints the version of the program, the commit that it was built from if it was built in a
// checkout, and what it was built with.
func (c *Version) Run(_ context.Context, env *cli.Env) error {
	result := struct {
		Version  string `json:"version"`
		Revision string `json:"revision,omitempty"`
		Modified bool   `json:"modified,omitempty"`
		Go       string `json:"go"`
		Platform string `json:"platform"`
	}{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			result.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				result.Revision = s.Value
			case "vcs.modified":
				result.Modified = s.Value == "true"
			}
		}
	}
	revision := result.Revision
	if result.Modified {
		revision += " and changes"
	}
	return env.Result(result,
		[2]string{"rollbook", result.Version},
		[2]string{"revision", revision},
		[2]string{"go", result.Go},
		[2]string{"platform", result.Platform},
	)
}
