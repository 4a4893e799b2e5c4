package archive_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/rollbook-go/rollbook/archive"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A customer leaves with its data.
func ExampleExport() {
	ctx := context.Background()
	users := enduser.New(memory.New(nil), nil)
	for _, name := range []string{"acme", "umbrella"} {
		if _, err := users.Tenant(name).Create(ctx, enduser.Spec{ExternalID: "crm-7", Name: "Ann"}); err != nil {
			fmt.Println(err)
			return
		}
	}
	var file bytes.Buffer
	result, err := archive.Export(ctx, users, &file, &archive.ExportOptions{Tenant: "acme"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Users, "user")
	lines := strings.Split(file.String(), "\n")
	fmt.Println(lines[0])
	fmt.Println(lines[2])
	// Output:
	// 1 user
	// {"type":"archive","version":1}
	// {"type":"end","groups":0,"users":1,"sensitive":0,"webhooks":0,"skipped":0}
}

// What cannot be imported is kept, with the reasons, and can be imported when it is corrected.
func ExampleImport() {
	ctx := context.Background()
	users := enduser.New(memory.New(nil), nil)
	file := `{"type":"archive","version":1}
{"type":"user","tenant":"acme","id":"u1","external_id":"crm-7","name":"Ann"}
{"type":"user","tenant":"acme","id":"u2","external_id":"CRM-7","name":"Bob"}
{"type":"end","users":2}
`
	var rejected bytes.Buffer
	result, err := archive.Import(ctx, users, strings.NewReader(file), &archive.ImportOptions{Rejected: &rejected})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Created, "created,", result.Rejected, "rejected")
	fmt.Print(rejected.String())

	corrected := strings.Replace(rejected.String(), "CRM-7", "crm-8", 1)
	result, err = archive.Import(ctx, users, strings.NewReader(corrected), nil)
	fmt.Println(result.Created, "created", err)
	// Output:
	// 1 created, 1 rejected
	// {"type":"archive","version":1,"part":true}
	// {"type":"rejected","line":3,"error":"enduser: conflict: external_id belongs to user u1"}
	// {"type":"user","tenant":"acme","id":"u2","external_id":"CRM-7","name":"Bob"}
	// 1 created <nil>
}

// An import that was interrupted goes on behind the line that it had answered. Without that line,
// it could begin again.
func ExampleImport_resume() {
	ctx, cancel := context.WithCancel(context.Background())
	users := enduser.New(memory.New(nil), nil)
	var file strings.Builder
	fmt.Fprintln(&file, `{"type":"archive","version":1}`)
	for i := range 1000 {
		fmt.Fprintf(&file, `{"type":"user","tenant":"acme","id":"u%d","external_id":"crm-%d"}`+"\n", i, i)
	}
	fmt.Fprintln(&file, `{"type":"end","users":1000}`)

	line := 0
	_, err := archive.Import(ctx, users, strings.NewReader(file.String()), &archive.ImportOptions{
		Progress: func(r archive.ImportResult) {
			line = r.Line // keep it where it is found again
			if r.Line == 300 {
				cancel()
			}
		},
	})
	fmt.Println("interrupted:", err != nil)
	result, err := archive.Import(context.Background(), users, strings.NewReader(file.String()), &archive.ImportOptions{After: line})
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := users.Tenant("acme").Count(context.Background(), enduser.Query{})
	fmt.Println(line+result.Created+result.Unchanged-1, n.N, err)
	// Output:
	// interrupted: true
	// 1000 1000 <nil>
}

func ExampleRowError() {
	users := enduser.New(memory.New(nil), nil)
	file := strings.NewReader(`{"type":"archive","version":1}` + "\n" + `{"type":"user","tenant":"acme","mail":"Ann"}`)
	_, err := archive.Import(context.Background(), users, file, nil)
	fmt.Fprintln(os.Stdout, err)
	// Output: archive: line 2: archive: invalid row: the member "mail" is none of this version
}
