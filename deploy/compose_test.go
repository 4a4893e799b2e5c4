package deploy_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// TestCompose: Compose accepts the files, and their parts fit together.
func TestCompose(t *testing.T) {
	files, err := filepath.Glob("compose/*.yaml")
	if err != nil || len(files) != 2 {
		t.Fatalf("compose files: %v, %v", files, err)
	}
	for _, file := range files {
		for _, fault := range composeFaults(t, read(t, file)) {
			t.Errorf("%s: %s", file, fault)
		}
	}
}

// TestComposeNotices changes a file in ways that have to be noticed.
func TestComposeNotices(t *testing.T) {
	for _, change := range []struct{ old, replacement string }{
		{"restart: ", "restarts: "},
		{"depends_on:\n      redis:", "depends_on:\n      cache:"},
		{"secrets: [store, keys]", "secrets: [stores, keys]"},
		{`volumes: ["data:/data"]`, `volumes: ["users:/data"]`},
		{"condition: service_healthy", "condition: service_well"},
		{"noeviction", "allkeys-lru"},
		{"always", "no"},
		{"read_only: true", "read_only: false"},
		{"127.0.0.1:8080:8080", "8080:8080"},
		{"dockerfile: deploy/docker/Dockerfile", "dockerfile: Dockerfile"},
		{"/run/secrets/store", "/run/secrets/url"},
	} {
		text := read(t, "compose/redis.yaml")
		changed := strings.Replace(text, change.old, change.replacement, 1)
		if changed == text {
			t.Errorf("there is no %q", change.old)
		}
		if len(composeFaults(t, changed)) == 0 {
			t.Errorf("%q in place of %q is not noticed", change.replacement, change.old)
		}
	}
}

// composeFaults returns what is wrong with a file.
func composeFaults(t *testing.T, text string) []string {
	t.Helper()
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  filepath.Join(root(t), "deploy", "compose"),
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: []byte(text)}},
	})
	if err != nil {
		return []string{err.Error()}
	}
	var faults []string
	must := func(holds bool, what string) {
		if !holds {
			faults = append(faults, what)
		}
	}
	s := project.Services["rollbook"]
	must(s.Build != nil && filepath.Join(root(t), "deploy", "compose", s.Build.Context) == root(t) || s.Build != nil && s.Build.Context == root(t), "the context is the tree")
	must(s.Build != nil && s.Build.Dockerfile == "deploy/docker/Dockerfile", "the Dockerfile is ours")
	must(s.ReadOnly && slices.Equal(s.CapDrop, []string{"ALL"}) && slices.Contains(s.SecurityOpt, "no-new-privileges:true"), "no rights")
	must(s.StopGracePeriod != nil, "time to drain")
	for _, port := range s.Ports {
		must(port.HostIP == "127.0.0.1", "nothing is open to other hosts")
	}
	given := map[string]bool{}
	for _, secret := range s.Secrets {
		given["/run/secrets/"+secret.Source] = true
	}
	for _, setting := range []string{"ROLLBOOK_STORE_FILE", "ROLLBOOK_KEYS"} {
		value := s.Environment[setting]
		must(value != nil && given[*value], setting+" is a secret that is given")
	}
	must(len(project.Services) == 2, "two services")
	for name, other := range project.Services {
		if name == "rollbook" {
			continue
		}
		must(len(other.Ports) == 0, "only rollbook reaches the database")
		must(other.HealthCheck != nil && s.DependsOn[name].Condition == types.ServiceConditionHealthy, "rollbook waits for the database")
		must(len(other.Volumes) == 1 && other.Volumes[0].Type == types.VolumeTypeVolume, "the data outlives the container")
		if name == "redis" {
			command := strings.Join(other.Command, " ")
			must(strings.Contains(command, "--maxmemory-policy noeviction"), "Redis drops nobody")
			must(strings.Contains(command, "--appendonly yes --appendfsync always"), "Redis keeps what it acknowledged")
		}
	}
	return faults
}
