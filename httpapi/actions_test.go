package httpapi_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/httpapi"
)

// TestActions: the actions are the operations of the OpenAPI document, where those by external
// ID have the name of those by ID, and two for which no route is named.
func TestActions(t *testing.T) {
	t.Parallel()
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(newServer(t, nil, nil).do(t, "GET", "/openapi.json", "").Body), &document); err != nil {
		t.Fatal(err)
	}
	want := []string{"importEndUsers", "revealGroupToken"}
	for _, methods := range document.Paths {
		for _, raw := range methods {
			var operation struct{ OperationID string }
			if err := json.Unmarshal(raw, &operation); err != nil {
				continue // parameters of the path
			}
			switch name := strings.TrimSuffix(operation.OperationID, "ByExternalId"); name {
			case "", "getHealth", "getOpenAPI": // need no credential
			default:
				want = append(want, name)
			}
		}
	}
	slices.Sort(want)
	var got []string
	for _, a := range httpapi.Actions() {
		got = append(got, a.Name)
	}
	if diff := cmp.Diff(slices.Compact(want), got); diff != "" {
		t.Error(diff)
	}
}

func ExampleActions() {
	for _, a := range httpapi.Actions() {
		if strings.HasSuffix(a.Name, "Group") && a.Write {
			fmt.Println(a.Name)
		}
	}
	// Output:
	// createGroup
	// deleteGroup
	// updateGroup
}
