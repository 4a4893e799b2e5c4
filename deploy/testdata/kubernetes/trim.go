//go:build ignore

// Trim writes schemas.json from the OpenAPI documents of Kubernetes: the kinds that the manifests
// use, and what these refer to.
package main

import (
	"encoding/json"
	"log"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

type object = map[string]any

func main() {
	all := object{}
	for _, group := range []string{"api__v1", "apis__apps__v1", "apis__policy__v1"} {
		text, err := os.ReadFile(filepath.Join(os.Args[1], "api/openapi-spec/v3", group+"_openapi.json"))
		if err != nil {
			log.Fatal(err)
		}
		var document struct{ Components struct{ Schemas object } }
		if err := json.Unmarshal(text, &document); err != nil {
			log.Fatal(err)
		}
		maps.Copy(all, document.Components.Schemas)
	}
	kept := object{}
	for _, kind := range []string{"apps.v1.Deployment", "apps.v1.StatefulSet", "core.v1.ConfigMap", "core.v1.Service", "policy.v1.PodDisruptionBudget"} {
		keep(all, kept, "io.k8s.api."+kind)
	}
	text, err := json.MarshalIndent(object{"components": object{"schemas": kept}}, "", " ")
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("schemas.json", append(text, '\n'), 0o600); err != nil {
		log.Fatal(err)
	}
}

// keep keeps a schema and all that it refers to.
func keep(all, kept object, name string) {
	if kept[name] != nil {
		return
	}
	schema := all[name].(object)
	kept[name] = schema
	trim(schema, func(ref string) { keep(all, kept, strings.TrimPrefix(ref, "#/components/schemas/")) })
	if schema["properties"] != nil {
		schema["additionalProperties"] = false // a member that is not known is a mistake
	}
}

// trim removes from a schema what only people read, and calls refer for each of its references.
func trim(schema object, refer func(string)) {
	delete(schema, "description")
	delete(schema, "default")
	for key, value := range schema {
		switch value := value.(type) {
		case object:
			if key != "properties" {
				trim(value, refer)
				continue
			}
			for _, property := range value {
				trim(property.(object), refer)
			}
		case []any:
			for _, part := range value {
				if part, ok := part.(object); ok {
					trim(part, refer)
				}
			}
		case string:
			if key == "$ref" {
				refer(value)
			}
		}
	}
}
