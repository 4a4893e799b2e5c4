package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
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

// A backup of a store that is in use, and a database that is made from it.
func ExampleStore_Backup() {
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
	if _, err := s.Apply(ctx, "acme", store.Ops(store.Create(store.Record{ID: "u1", Kind: "user"}, nil))); err != nil {
		log.Fatal(err)
	}

	backup := filepath.Join(dir, "backup.db")
	if err := s.Backup(ctx, backup, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println(errors.Is(s.Backup(ctx, backup, nil), fs.ErrExist)) // nothing is written over

	elsewhere := filepath.Join(dir, "elsewhere.db")
	if err := sqlite.Restore(ctx, elsewhere, backup, nil); err != nil {
		log.Fatal(err)
	}
	restored, err := sqlite.Open(ctx, elsewhere, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer restored.Close()
	r, err := restored.Get(ctx, "acme", store.ID("u1"))
	fmt.Println(r.ID, err)
	// Output:
	// true
	// u1 <nil>
}

// A database is replaced when nobody has it open.
func ExampleRestore() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "rollbook")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path, backup := filepath.Join(dir, "users.db"), filepath.Join(dir, "backup.db")
	s, err := sqlite.Open(ctx, path, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := s.Backup(ctx, backup, nil); err != nil {
		log.Fatal(err)
	}
	replace := &sqlite.RestoreOptions{Replace: true}
	fmt.Println(errors.Is(sqlite.Restore(ctx, path, backup, replace), sqlite.ErrInUse))
	if err := s.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(sqlite.Restore(ctx, path, backup, replace))
	// Output:
	// true
	// <nil>
}

// Verify says what is damaged, and with Mend puts right what follows from the records.
func ExampleStore_Verify() {
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
	for f, err := range s.Verify(ctx, store.VerifyOptions{Mend: true}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(f.Damage, f.Tenant, f.ID, f.Mended)
	}
	fmt.Println("verified")
	// Output: verified
}
