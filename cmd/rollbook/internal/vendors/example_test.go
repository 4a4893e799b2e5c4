package vendors_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors"
)

// What Ada's list route answered, saved in a file. One of its users is damaged.
func ExampleFile() {
	saved := `{"data":[{"end_user_id":"5f7e0e2c1e7c7e000f0f9c3a","profile":{"first_name":"Ada"}},
		{"end_user_id":7}],"meta":{"next_page_url":null}}`
	users, err := vendors.File(vendors.Ada, strings.NewReader(saved), "")
	if err != nil {
		log.Fatal(err)
	}
	for row := range users.Rows(context.Background()) {
		if row.Err != nil {
			fmt.Println(row.At, row.Err)
			continue
		}
		fmt.Println(row.At, row.User.ID, row.User.FirstName)
	}
	if users.Err() != nil {
		log.Fatal(users.Err())
	}
	// Output:
	// line 1 5f7e0e2c1e7c7e000f0f9c3a Ada
	// line 2 end_user_id: at byte 15: another JSON type was expected
}
