package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "rollbook")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	s, err := sqlite.Open(ctx, filepath.Join(dir, "users.db"), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()

	ann := store.Record{
		ID: "u1", Kind: "user", Data: []byte(`{"name":"Ann"}`),
		Unique: []store.Key{{Kind: "email", Value: "ann@example.com"}},
	}
	if _, err := s.Apply(ctx, "acme", store.Ops(store.Create(ann, nil))); err != nil {
		log.Fatal(err)
	}
	got, err := s.Get(ctx, "acme", store.Key{Kind: "email", Value: "ann@example.com"})
	fmt.Println(got.ID, string(got.Data), err)

	_, err = s.Get(ctx, "globex", store.ID("u1"))
	fmt.Println(errors.Is(err, store.ErrNotFound))
	// Output:
	// u1 {"name":"Ann"} <nil>
	// true
}

// A host that keeps tables of its own in the file opens the pools itself.
func ExampleNew() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "rollbook")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	name := "file:" + filepath.ToSlash(filepath.Join(dir, "app.db")) +
		"?_pragma=busy_timeout(100)&_pragma=trusted_schema(0)"
	writer, err := sql.Open("sqlite", name+
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=secure_delete(1)")
	if err != nil {
		log.Fatal(err)
	}
	defer writer.Close()
	reader, err := sql.Open("sqlite", name+"&_pragma=query_only(1)&_pragma=mmap_size(1073741824)")
	if err != nil {
		log.Fatal(err)
	}
	defer reader.Close()

	s, err := sqlite.New(ctx, writer, reader, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()

	for _, body := range []string{`{"name":"Ann"}`, `{"name":"Bob"}`} {
		op := store.Create(store.Record{ID: body, Kind: "user", Data: []byte(body)}, nil)
		if _, err := s.Apply(ctx, "acme", store.Ops(op)); err != nil {
			log.Fatal(err)
		}
	}
	// Reports read the view.
	var names string
	err = reader.QueryRowContext(ctx, `SELECT group_concat(data ->> '$.name', ', ' ORDER BY created)
		FROM rollbook_records WHERE tenant = 'acme' AND kind = 'user'`).Scan(&names)
	fmt.Println(names, err)
	// Output: Ann, Bob <nil>
}
