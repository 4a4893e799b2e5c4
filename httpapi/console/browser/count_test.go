package browser

import (
	"fmt"
	"sync/atomic"
)

// totals are what all tests of this process did, printed at their end.
var totals struct {
	flows, requests, pages, secrets, screens, rules, stops atomic.Int64
}

func counted(requests int) { totals.requests.Add(int64(requests)) }

func searched(pages, secrets int) {
	totals.pages.Add(int64(pages))
	totals.secrets.Add(int64(secrets))
}

func printTotals() {
	//nolint:forbidigo // what was done, at the end of the tests
	fmt.Printf("console: %d flows, %d requests of browsers, %d pages searched for %d secrets, %d screens checked by %d rules of axe, %d stops of the keyboard\n",
		totals.flows.Load(), totals.requests.Load(), totals.pages.Load(), totals.secrets.Load(), totals.screens.Load(), totals.rules.Load(), totals.stops.Load())
}
