package main

import "fmt"

// row is a line of the table: a figure and its target.
type row struct {
	number int
	what   string
	target target

	// bench is a folder, from the root of the repository, and a benchmark in it. More
	// arguments for the benchmark may follow. It is "" if there is no benchmark yet.
	bench string
	unit  string // under which the benchmark reports the figure

	// before is the benchmark of the older tree by whose value the figure is divided: "" if
	// it is not.
	before string
}

// target is the least or the most that a figure should be.
type target struct {
	least bool
	value float64
	unit  string // of the value: "x" for a ratio
}

func atLeast(ratio float64) target              { return target{least: true, value: ratio, unit: "x"} }
func atMost(ratio float64) target               { return target{value: ratio, unit: "x"} }
func noMoreThan(value float64, u string) target { return target{value: value, unit: u} }

func (t target) reached(value float64) bool {
	if t.least {
		return value >= t.value
	}
	return value <= t.value
}

func (t target) String() string {
	sign := "≤"
	if t.least {
		sign = "≥"
	}
	return fmt.Sprintf("%s %g%s", sign, t.value, t.unit)
}

// isQuick reports whether a row is one of a quick run.
func isQuick(number int) bool {
	switch number {
	case 1, 8, 9, 10, 13, 15, 16, 20:
		return true
	}
	return false
}

// rows returns the table, by the numbers of docs/performance.md.
func rows() []row {
	list := append(sqliteRows(), otherRows()...)
	for _, on := range []struct{ store, title string }{
		{"sqlite", "SQLite FULL"}, {"postgres", "PostgreSQL"}, {"redis", "Redis"}, {"memory", "memory"},
	} {
		known := "bench Known/" + on.store
		list = append(list,
			row{13, on.title + ", beside 32 creates: Ensure of a known user, p50 of a Get's", atMost(3), known, "p50-ensure-of-get", ""},
			row{13, "… p99", atMost(5), known, "p99-ensure-of-get", ""},
			row{13, "… Upsert that changes nothing, p50", atMost(4), known, "p50-upsert-of-get", ""},
			row{13, "… p99", atMost(6), known, "p99-upsert-of-get", ""})
	}
	return append(list, peerRows()...)
}

func sqliteRows() []row {
	const (
		full   = "store/sqlite Upsert/FULL"
		normal = "store/sqlite Upsert/NORMAL"
		get    = "store/sqlite Get"
		scale  = "enduser Scale/sqlite -few=10000 -many=1000000"
	)
	return []row{
		{1, "SQLite FULL: upserts, against a naive pool", atLeast(6), full, "x-unlimited-pool", ""},
		{1, "… a pool of one connection", atLeast(4), full, "x-single-connection", ""},
		{2, "SQLite NORMAL: upserts, against a naive pool", atLeast(3.3), normal, "x-unlimited-pool", ""},
		{2, "… a pool of one connection", atLeast(2.3), normal, "x-single-connection", ""},
		{3, "SQLite FULL: p99 of an upsert, of the naive pool's", atMost(0.1), full, "p99-of-unlimited", ""},
		{3, "… NORMAL", atMost(0.1), normal, "p99-of-unlimited", ""},
		{4, "SQLite FULL: upserts, against 64 a transaction by hand", atLeast(0.85), full, "x-batches-by-hand", ""},
		{4, "… NORMAL", atLeast(0.85), normal, "x-batches-by-hand", ""},
		{5, "SQLite FULL: UpsertAll, against 5,000 a transaction by hand", atLeast(0.75), "bench Bulk/sqlite", "x-by-hand", ""},
		{5, "… PostgreSQL", atLeast(0.75), "bench Bulk/postgres", "x-by-hand", ""},
		{5, "… Redis, against pipelines of 128 by hand", atLeast(0.75), "bench Bulk/redis", "x-by-hand", ""},
		{6, "SQLite: gets, against db.QueryRow", atLeast(2.5), get, "x-naive-queryrow", ""},
		{6, "… two readers, against one", atLeast(1.8), get, "x-one-reader", ""},
		{7, "SQLite, 1,000,000 users, against 10,000: gets", atLeast(0.75), scale, "keeps-get", ""},
		{7, "… pages of 50", atLeast(0.75), scale, "keeps-page", ""},
		{7, "… upserts", atLeast(0.6), scale, "keeps-upsert", ""},
		{7, "… time of the middle page, of the first", atMost(1.5), scale, "deep-middle", ""},
		{7, "… of the last page, of the first", atMost(1.5), scale, "deep-last", ""},
	}
}

func otherRows() []row {
	const (
		coalesced   = "store/redis Coalesced"
		get         = "store/memory Get/full -test.benchtime=10000x"
		mix         = "store/memory Mix/tenants=64"
		allocations = "httpapi Allocations"
		created     = "bench HTTP/create"
		got         = "bench HTTP/get"
		listed      = "bench HTTP/list50"
	)
	return []row{
		{8, "Redis: round trips of an upsert of a new user", noMoreThan(1, ""), coalesced, "round-trips-upsert", ""},
		{8, "… an Ensure of a known user", noMoreThan(1, ""), coalesced, "round-trips-ensure", ""},
		{8, "Redis: writes, against EVALSHA over a pool", atLeast(1.8), coalesced, "x-pooled", ""},
		{9, "memory: allocations of a store's Get", noMoreThan(2, ""), get, "allocs/op", ""},
		{9, "… 95 gets and 5 upserts, against a map with an RWMutex", atLeast(1.5), mix, "x-rwmutex", ""},
		{10, "HTTP in process: allocations of a create above the store's", noMoreThan(16, ""), allocations, "allocs-of-create", ""},
		{10, "… a get", noMoreThan(6, ""), allocations, "allocs-of-get", ""},
		{11, "HTTP over SQLite NORMAL, against PocketBase: creates", atLeast(4.5), created, "x-pocketbase", ""},
		{11, "… gets", atLeast(6), got, "x-pocketbase", ""},
		{11, "… lists of 50", atLeast(10), listed, "x-pocketbase", ""},
		{12, "HTTP over SQLite NORMAL, against an empty handler: creates", atLeast(0.25), created, "x-empty", ""},
		{12, "… gets", atLeast(0.45), got, "x-empty", ""},
		{12, "… lists of 50", atLeast(0.35), listed, "x-empty", ""},
		{12, "… lists of 50, against one that sends as many bytes", atLeast(0.35), listed, "x-as-much", ""},
	}
}

func peerRows() []row {
	const (
		one     = "bench OwnTable/tenants=1"
		many    = "bench OwnTable/tenants=100"
		indexed = "bench/before CPU/names"
		list    = "bench/before List"
	)
	return []row{
		{14, "SQLite FULL: upserts of new users, against before", atLeast(0.95), "bench/before New/sqlite", "users/s", "New/sqlite"},
		{14, "… Redis", atLeast(0.95), "bench/before New/redis", "users/s", "New/redis"},
		{15, "Manager on SQLite FULL, against one's own PostgreSQL table: bare", atLeast(1.2), one, "sqlite-x-bare", ""},
		{15, "… with the same features", atLeast(2), one, "sqlite-x-full", ""},
		{15, "… 100 tenants: bare", atLeast(1.2), many, "sqlite-x-bare", ""},
		{15, "… 100 tenants: with the same features", atLeast(2), many, "sqlite-x-full", ""},
		{16, "Manager on PostgreSQL, against one's own table: bare", atLeast(0.9), one, "pg-x-bare", ""},
		{16, "… with the same features", atLeast(1.1), one, "pg-x-full", ""},
		{16, "… 100 tenants: bare", atLeast(0.9), many, "pg-x-bare", ""},
		{16, "… 100 tenants: with the same features", atLeast(1.1), many, "pg-x-full", ""},
		{16, "… a lone caller's p50, of the bare table's", atMost(2), one, "p50-pg-of-bare", ""},
		{17, "SQLite FULL: processor time of a new user, of before", atMost(0.75), indexed, "cpu-µs/user", "CPU/names"},
		{17, "… names not indexed", atMost(0.6), "bench/before CPU/no-names", "cpu-µs/user", "CPU/names"},
		{18, "SQLite FULL: Apply of a new record with two keys, against Badger", atLeast(1), "bench Badger", "x-badger", ""},
		{19, "Redis: writes, against redis-benchmark -P 16 of the same script", atLeast(0.8), "store/redis Coalesced", "x-redis-benchmark", ""},
		{20, "SQLite: time of a list of 50, of before", atMost(0.5), list, "µs/page", "List"},
		{20, "… allocations a user", noMoreThan(6, ""), list, "allocs/user", ""},
		{21, "Sweep, against 64 callers that create, 5 ms a commit: SQLite", atLeast(0.8), "enduser Sweep/sqlite/tenants=100/fsync=5ms", "x-creating", ""},
		{21, "… Redis", atLeast(0.8), "enduser Sweep/redis/tenants=100/fsync=5ms", "x-creating", ""},
		{21, "SQLite FULL: a sweep of 10,000 tenants with one expired user each", noMoreThan(1, " s"), "enduser Sweep/sqlite-full/tenants=10000/fsync=0s", "s/sweep", ""},
	}
}
