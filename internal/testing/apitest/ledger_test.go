package apitest_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// recorder is a test that keeps its errors to itself.
type recorder struct {
	testing.TB

	errors []string
}

func (r *recorder) Helper()           {}
func (r *recorder) Error(args ...any) { r.errors = append(r.errors, fmt.Sprint(args...)) }

func (r *recorder) Errorf(format string, args ...any) { r.Error(fmt.Sprintf(format, args...)) }

// A ledger that lets something through would make the clients' tests worthless.
func TestLedgerNotices(t *testing.T) {
	documented := map[string][]int{"create": {201, 400}, "get": {200}}
	type answer struct {
		operation string
		status    int
	}
	for _, tt := range []struct {
		name string
		met  []answer
		want []string
	}{
		{"all", []answer{{"create", 201}, {"create", 400}, {"get", 200}, {"get", 200}}, nil},
		{"a missing status", []answer{{"create", 201}, {"get", 200}}, []string{"create was never answered with 400"}},
		{"another operation's status", []answer{{"create", 201}, {"get", 400}, {"get", 200}}, []string{
			"create was never answered with 400", "get was answered with 400, which is not documented",
		}},
		{"a missing operation", []answer{{"create", 201}, {"create", 400}}, []string{"get was never answered with 200"}},
		{"an undocumented status", []answer{{"create", 201}, {"create", 400}, {"get", 200}, {"get", 404}}, []string{
			"get was answered with 404, which is not documented",
		}},
		{"an undocumented operation", []answer{{"create", 201}, {"create", 400}, {"get", 200}, {"list", 200}}, []string{"list is not documented"}},
		{"nothing", nil, []string{
			"create was never answered with 201", "create was never answered with 400", "get was never answered with 200",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var l apitest.Ledger
			var wg sync.WaitGroup
			for _, a := range tt.met {
				wg.Go(func() { l.Add(a.operation, a.status) })
			}
			wg.Wait()
			var r recorder
			l.Check(&r, documented)
			if diff := cmp.Diff(tt.want, r.errors); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}
