package delivery

// others are the kinds of stores on which the tests run instead of those of this module. There
// are none here: store/postgres runs the tests with another file in this one's place
// (go test -overlay).
func others() []kind { return nil }
