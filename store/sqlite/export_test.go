package sqlite

// For the tests of package sqlite_test.
var (
	ParseKeys   = parseKeys
	DatabaseURI = databaseURI
)

// Queued returns how many writes wait for the writer.
func (s *Store) Queued() int { return s.writer.queue.waiting() }

// DSN returns the name with which Open opens the writer's or the readers' pool.
func DSN(path string, opts *Options, reader bool) (string, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return "", err
	}
	uri, err := databaseURI(path)
	return dsn(uri, o, reader), err
}
