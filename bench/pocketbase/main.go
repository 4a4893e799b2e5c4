// Command pocketbase is a PocketBase with one collection that keeps what a registry
// of end users keeps: a peer to measure against. It serves on the address of its
// first argument, from the folder of its second, and prints the token of a
// superuser once it listens.
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: pocketbase ADDR FOLDER")
	}
	addr, dir := os.Args[1], os.Args[2]
	os.Args = []string{os.Args[0], "serve", "--http", addr}
	app := pocketbase.NewWithConfig(pocketbase.Config{DefaultDataDir: dir, HideStartBanner: true})
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		token, err := prepare(e.App)
		if err != nil {
			return err
		}
		if err := e.Next(); err != nil {
			return err
		}
		fmt.Println("token", token)
		return nil
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}

// prepare makes the collection and a superuser.
func prepare(app core.App) (token string, err error) {
	c := core.NewBaseCollection("endusers")
	c.Fields.Add(
		&core.TextField{Name: "tenant", Required: true},
		&core.TextField{Name: "external_id"},
		&core.TextField{Name: "name"},
		&core.TextField{Name: "email"},
		&core.TextField{Name: "language"},
		&core.TextField{Name: "avatar"},
		&core.JSONField{Name: "metadata"},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	c.AddIndex("endusers_external", true, "tenant, external_id COLLATE NOCASE", "")
	if err := app.Save(c); err != nil {
		return "", err
	}
	admins, err := app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		return "", err
	}
	admin := core.NewRecord(admins)
	admin.SetEmail("bench@example.com")
	admin.SetPassword("bench-password")
	if err := app.Save(admin); err != nil {
		return "", err
	}
	return admin.NewAuthToken()
}
