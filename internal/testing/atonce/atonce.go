// Package atonce calls a function from many goroutines at once, for tests of races.
package atonce

import "sync"

// Do calls f with the numbers below n, each from a goroutine of its own, all of which begin
// together. It returns when all calls have returned.
func Do(n int, f func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

// Collect is Do for a function with a result. It returns the results in the order of their
// numbers.
func Collect[T any](n int, f func(i int) T) []T {
	results := make([]T, n)
	Do(n, func(i int) { results[i] = f(i) })
	return results
}
