package deploy_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// manifest is an object of Kubernetes: the part that is held against other parts.
type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Data       map[string]string // of a ConfigMap
	Spec       struct {
		ServiceName string `yaml:"serviceName"`
		Template    struct {
			Metadata struct{ Labels map[string]string }
			Spec     pod
		}
		VolumeClaimTemplates []struct{ Metadata struct{ Name string } } `yaml:"volumeClaimTemplates"`
		Selector             any                                        // labels, below matchLabels but for a Service
		Ports                []struct {
			TargetPort string `yaml:"targetPort"`
		}
	}
}

type pod struct {
	EnableServiceLinks           *bool   `yaml:"enableServiceLinks"`
	AutomountServiceAccountToken *bool   `yaml:"automountServiceAccountToken"`
	TerminationGracePeriod       float64 `yaml:"terminationGracePeriodSeconds"`
	SecurityContext              struct {
		RunAsNonRoot        bool                  `yaml:"runAsNonRoot"`
		RunAsUser           int                   `yaml:"runAsUser"`
		FSGroup             int                   `yaml:"fsGroup"`
		FSGroupChangePolicy string                `yaml:"fsGroupChangePolicy"`
		SeccompProfile      struct{ Type string } `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	Containers []container
	Volumes    []struct {
		Name      string
		ConfigMap struct{ Name string } `yaml:"configMap"`
	}
}

type container struct {
	Env   []struct{ Name, Value string }
	Ports []struct {
		Name string
		Port int `yaml:"containerPort"`
	}
	StartupProbe    probe `yaml:"startupProbe"`
	LivenessProbe   probe `yaml:"livenessProbe"`
	ReadinessProbe  probe `yaml:"readinessProbe"`
	SecurityContext struct {
		AllowPrivilegeEscalation *bool                   `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool                    `yaml:"readOnlyRootFilesystem"`
		Capabilities             struct{ Drop []string } `yaml:"capabilities"`
	} `yaml:"securityContext"`
	Resources    struct{ Limits, Requests map[string]string }
	VolumeMounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

// TestKubernetes: every manifest obeys the schemas of Kubernetes, and its parts fit together.
func TestKubernetes(t *testing.T) {
	files, err := filepath.Glob("kubernetes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	for _, file := range files {
		for _, fault := range kubernetesFaults(t, read(t, file)) {
			t.Errorf("%s: %s", file, fault)
		}
	}
}

// TestKubernetesNotices changes the manifests in ways that have to be noticed.
func TestKubernetesNotices(t *testing.T) {
	for _, change := range []struct{ old, replacement string }{
		{"replicas: 2", "replica: 2"},
		{"replicas: 2", "replicas: two"},
		{"containerPort: 8080", "port: 8080"},
		{"maxSkew: 1\n", "\n"},
		{"apiVersion: apps/v1", "apiVersion: apps/v2"},
		{"{type: RuntimeDefault}", "{type: Unconfined}"},
		{"drop: [ALL]", "drop: [KILL]"},
		{"readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"},
		{"allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"},
		{"enableServiceLinks: false", "enableServiceLinks: true"},
		{"path: /readyz", "path: /livez"},
		{"targetPort: http", "targetPort: web"},
		{"name: secrets, mountPath", "name: secret, mountPath"},
		{"configMap: {name: rollbook}", "configMap: {name: settings}"},
		{"  selector: {app.kubernetes.io/name: rollbook}", "  selector: {app: rollbook}"},
		{`addr = ":8080"`, `addr = ":8081"`},
	} {
		text := read(t, "kubernetes/deployment.yaml")
		changed := strings.Replace(text, change.old, change.replacement, 1)
		if changed == text {
			t.Errorf("there is no %q", change.old)
		}
		if len(kubernetesFaults(t, changed)) == 0 {
			t.Errorf("%q in place of %q is not noticed", change.replacement, change.old)
		}
	}
}

// kubernetesFaults returns what is wrong with the manifests in a file.
func kubernetesFaults(t *testing.T, text string) []string {
	t.Helper()
	var faults []string
	var manifests []manifest
	schemas := kindSchemas(t)
	values, typed := yaml.NewDecoder(strings.NewReader(text)), yaml.NewDecoder(strings.NewReader(text))
	for {
		var value map[string]any
		if err := values.Decode(&value); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return append(faults, err.Error())
		}
		kind := fmt.Sprint(value["apiVersion"], " ", value["kind"])
		if schemas[kind] == nil {
			return append(faults, "no schema of "+kind)
		}
		if err := schemas[kind].Validate(plain(value)); err != nil {
			return append(faults, err.Error())
		}
		var m manifest
		if err := typed.Decode(&m); err != nil {
			return append(faults, err.Error())
		}
		manifests = append(manifests, m)
	}
	for _, m := range manifests {
		if m.Kind == "Deployment" || m.Kind == "StatefulSet" {
			faults = append(faults, podFaults(m, manifests)...)
		}
	}
	return faults
}

// podFaults returns what is wrong with the pods of a Deployment or StatefulSet, of what is
// restricted (the profile of the Pod Security Standards), and what does not fit the other objects.
func podFaults(m manifest, all []manifest) []string {
	var faults []string
	must := func(holds bool, what string) {
		if !holds {
			faults = append(faults, m.Kind+": "+what)
		}
	}
	p := m.Spec.Template.Spec
	c := p.Containers[0]
	must(len(p.Containers) == 1, "one container")
	must(p.EnableServiceLinks != nil && !*p.EnableServiceLinks, "no variables of services")
	must(p.AutomountServiceAccountToken != nil && !*p.AutomountServiceAccountToken, "no token of the cluster")
	must(p.TerminationGracePeriod >= 20, "time to drain")
	must(p.SecurityContext.RunAsNonRoot && p.SecurityContext.RunAsUser == imageUser, "the image's user")
	must(p.SecurityContext.FSGroup == imageUser, "files for the image's user")
	must(p.SecurityContext.SeccompProfile.Type == "RuntimeDefault", "seccomp")
	must(m.Spec.VolumeClaimTemplates == nil || p.SecurityContext.FSGroupChangePolicy == "OnRootMismatch", "the keyring stays private")
	must(c.SecurityContext.AllowPrivilegeEscalation != nil && !*c.SecurityContext.AllowPrivilegeEscalation, "no escalation")
	must(c.SecurityContext.ReadOnlyRootFilesystem, "a root file system that is read alone")
	must(slices.Equal(c.SecurityContext.Capabilities.Drop, []string{"ALL"}), "no capabilities")
	must(c.Resources.Limits["memory"] != "" && c.Resources.Requests["cpu"] != "", "resources")
	must(c.StartupProbe.HTTPGet.Path == "/livez" && c.LivenessProbe.HTTPGet.Path == "/livez", "liveness")
	must(c.LivenessProbe.HTTPGet.Port == "metrics", "liveness whatever clients do")
	must(c.ReadinessProbe.HTTPGet.Path == "/readyz", "readiness")

	ports := map[string]int{}
	for _, port := range c.Ports {
		ports[port.Name] = port.Port
	}
	for _, probe := range []probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		must(ports[probe.HTTPGet.Port] != 0, "a probe's port")
	}
	volumes := map[string]bool{}
	for _, claim := range m.Spec.VolumeClaimTemplates {
		volumes[claim.Metadata.Name] = true
	}
	for _, v := range p.Volumes {
		volumes[v.Name] = true
		if name := v.ConfigMap.Name; name != "" {
			must(slices.ContainsFunc(all, func(o manifest) bool { return o.Kind == "ConfigMap" && o.Metadata.Name == name }), "a ConfigMap "+name)
		}
	}
	for _, mount := range c.VolumeMounts {
		must(volumes[mount.Name], "a volume "+mount.Name)
	}
	services := 0
	for _, o := range all {
		switch o.Kind {
		case "Service":
			services++
			must(matches(o.Spec.Selector, m.Spec.Template.Metadata.Labels), "pods for the Service")
			for _, port := range o.Spec.Ports {
				must(ports[port.TargetPort] != 0, "a port for the Service")
			}
			must(m.Spec.ServiceName == "" || m.Spec.ServiceName == o.Metadata.Name, "a Service")
		case "ConfigMap":
			settings := o.Data["rollbook.toml"]
			must(strings.Contains(settings, fmt.Sprintf("\naddr = \":%d\"", ports["http"])) ||
				strings.HasPrefix(settings, fmt.Sprintf("addr = \":%d\"", ports["http"])), "the port of addr")
			must(strings.Contains(settings, fmt.Sprintf("metrics-addr = \":%d\"", ports["metrics"])), "the port of metrics-addr")
		default:
			must(matches(o.Spec.Selector, m.Spec.Template.Metadata.Labels), "pods for the "+o.Kind)
		}
	}
	must(services == 1, "one Service")
	return faults
}

// matches reports whether a selector, with or without matchLabels, selects labels.
func matches(selector any, labels map[string]string) bool {
	wanted, _ := selector.(map[string]any)
	if inner, ok := wanted["matchLabels"].(map[string]any); ok {
		wanted = inner
	}
	for name, value := range wanted {
		if labels[name] != value {
			return false
		}
	}
	return len(wanted) > 0
}

// kindSchemas returns the schemas of Kubernetes by "apiVersion kind".
func kindSchemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	const file, below = "kubernetes.json", "#/components/schemas/"
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(read(t, "testdata/kubernetes/schemas.json"))))
	must(t, err)
	compiler := jsonschema.NewCompiler()
	must(t, compiler.AddResource(file, document))
	schemas := map[string]*jsonschema.Schema{}
	for name, schema := range document.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any) {
		kinds, _ := schema.(map[string]any)["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) != 1 { // a part of others
			continue
		}
		kind := kinds[0].(map[string]any)
		version := strings.TrimPrefix(fmt.Sprint(kind["group"], "/", kind["version"]), "/")
		schemas[fmt.Sprint(version, " ", kind["kind"])], err = compiler.Compile(file + below + name)
		must(t, err)
	}
	return schemas
}

// plain returns a value of YAML as one of JSON.
func plain(value any) any {
	switch value := value.(type) {
	case map[string]any:
		object := make(map[string]any, len(value))
		for name, member := range value {
			object[name] = plain(member)
		}
		return object
	case []any:
		list := make([]any, len(value))
		for i, element := range value {
			list[i] = plain(element)
		}
		return list
	default:
		return value
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	must(t, err)
	return string(text)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
