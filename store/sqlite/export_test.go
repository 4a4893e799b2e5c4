package sqlite

// For the tests of package sqlite_test.
var (
	ParseKeys   = parseKeys
	DatabaseURI = databaseURI
)
