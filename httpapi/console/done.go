package console

import (
	"net/http"
	"strings"
)

// doneText returns what a page says that a POST has led to. The address of the page has the
// word, as in "users?done=deleted". Other words say nothing.
func doneText(word string) string {
	switch word {
	case "saved":
		return "The changes were saved."
	case "unchanged":
		return "Nothing was changed."
	case "deleted":
		return "The user was deleted."
	case "permanent":
		return "The user is permanent."
	}
	return ""
}

// cutDone takes the word from the address of a page, so that no page need know of it and no link
// repeats it. It returns what to say.
func cutDone(r *http.Request) string {
	const name = "done="
	query := r.URL.RawQuery
	at := strings.LastIndex(query, name)
	if at < 0 || at > 0 && query[at-1] != '&' {
		return ""
	}
	text := doneText(query[at+len(name):])
	if text != "" {
		u := *r.URL
		u.RawQuery = strings.TrimSuffix(query[:at], "&")
		r.URL = &u
	}
	return text
}
