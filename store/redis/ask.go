package redis

import "time"

// askFor is how long to wait for the answers of all servers that were asked. After that,
// those that have come count, or the first one that comes.
const askFor = 200 * time.Millisecond

// collect takes the answers of n servers until all have come, until take reports that they
// are decided, or until askFor has passed and one of them was useful.
func collect[T any](n int, answers <-chan T, take func(T) (useful, decided bool)) {
	enough := time.NewTimer(askFor)
	defer enough.Stop()
	for useful, late := false, false; n > 0 && !(late && useful); {
		select {
		case <-enough.C:
			late = true
		case a := <-answers:
			n--
			u, decided := take(a)
			if decided {
				return
			}
			useful = useful || u
		}
	}
}
