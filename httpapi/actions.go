package httpapi

import (
	"slices"
	"strings"
)

// Actions returns every action for which [Options].Authorize is called, by any family of
// routes, ordered by name: what a host can give a right to.
func Actions() []Action {
	all := []Action{{Name: "importEndUsers", Write: true}, {Name: "revealGroupToken"}} // no route is named after them
	for _, r := range new(api).routes() {
		if !r.Public {
			all = append(all, Action{Name: r.Access.Action, Write: r.Access.Write})
		}
	}
	slices.SortFunc(all, func(a, b Action) int { return strings.Compare(a.Name, b.Name) })
	return slices.Compact(all)
}
