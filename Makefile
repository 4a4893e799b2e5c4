# Everything a change has to pass. It needs Go, bash and git; race also needs a C
# compiler, redis and faults redis-server on PATH, postgres and faults PostgreSQL and PgBouncer,
# program all of these, curl, openssl and systemd, console chromium, redis-server and PostgreSQL.

GO       ?= go
FUZZTIME ?= 30s
BASE     ?= HEAD
PKG      ?= ./enduser
TESTS    ?=
N        ?= 40
SEED     ?= 1

# Nested modules: `./...` skips them silently, so each is named here, and
# internal/testing/arrows fails if one is missing.
NESTED := tools bench deploy internal/contract store/postgres otelrollbook cmd/rollbook httpapi/console/browser
CODE   := $(filter-out tools,$(NESTED)) # tools has a go.mod and nothing else

# A workspace forbids -modfile, hides modules that it does not list, and changes
# versions: every module is built as its own go.mod says.
export GOWORK := off

ROOT := $(CURDIR)
TOOL := $(GO) tool -modfile=$(ROOT)/tools/go.mod
LINT := $(TOOL) golangci-lint
# The tests that start real servers. They wait for elections and must not share
# the cores with other packages: -p 1.
REDIS := ./store/redis/... ./httpapi/redislimit ./internal/testing/redistest
POSTGRES := ./internal/testing/pgtest # and the module store/postgres
SERVERS := /(store/redis|redislimit|redistest|pgtest)$$

# SQLite is C translated to Go. The detector does not see the C memory it works on, but
# makes it three times slower: only our own code, the driver and the C library are checked.
RACE := -race -gcflags=modernc.org/sqlite/lib=-race=false -timeout 20m # of a package

.DEFAULT_GOAL := all
.PHONY: all
all: format lint test ## format, lint, test

.PHONY: help
help: ## what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

.PHONY: format
format: ## rewrite the sources as gofumpt and gci want them
	$(LINT) fmt
	@set -e; for m in $(CODE); do (cd $$m && $(LINT) fmt --config $(ROOT)/.golangci.yml); done

.PHONY: lint
lint: ## golangci-lint, formatting included
	$(LINT) run ./...
	@set -e; for m in $(CODE); do (cd $$m && $(LINT) run --config $(ROOT)/.golangci.yml ./...); done

.PHONY: test
test: ## every test that needs no flags
	$(GO) test ./...
	@set -e; for m in $(CODE); do (cd $$m && $(GO) test ./...); done

.PHONY: race
race: ## the same under the race detector
	CGO_ENABLED=1 $(GO) test $(RACE) $$($(GO) list ./... | grep -vE '$(SERVERS)')
	CGO_ENABLED=1 $(GO) test $(RACE) -p 1 $(REDIS) $(POSTGRES)
	@set -e; for m in $(filter-out httpapi/console/browser,$(CODE)); do (cd $$m && CGO_ENABLED=1 $(GO) test $(RACE) -p 1 ./...); done # a browser under it is only slow

.PHONY: long
long: ## the tests in full: exhaustive tables, more random sequences; make redis and make postgres have the others
	ROLLBOOK_TESTS=long $(GO) test -timeout 20m $$($(GO) list ./... | grep -vE '$(SERVERS)')

.PHONY: redis
redis: ## real Redis servers, Sentinels and Clusters, in full; a skipped test is a failure
	ROLLBOOK_TESTS=long ROLLBOOK_REQUIRE_REDIS=1 bash .ci/no-skips $(GO) test -v -count=1 -p 1 -timeout 20m $(REDIS)

.PHONY: postgres
postgres: ## a real PostgreSQL and PgBouncer, in full; a skipped test is a failure
	ROLLBOOK_TESTS=long ROLLBOOK_REQUIRE_POSTGRES=1 bash .ci/no-skips $(GO) test -v -count=1 -p 1 -timeout 20m $(POSTGRES)
	cd store/postgres && ROLLBOOK_TESTS=long ROLLBOOK_REQUIRE_POSTGRES=1 bash $(ROOT)/.ci/no-skips $(GO) test -v -count=1 -p 1 -timeout 20m ./...

.PHONY: program
program: ## the program, its metrics and its deployments, in full; a skipped test is a failure
	@set -e; for m in cmd/rollbook otelrollbook deploy; do (cd $$m && \
		ROLLBOOK_TESTS=long ROLLBOOK_REQUIRE_REDIS=1 ROLLBOOK_REQUIRE_POSTGRES=1 ROLLBOOK_REQUIRE_SYSTEMD=1 \
		bash $(ROOT)/.ci/no-skips $(GO) test -v -count=1 -p 1 -timeout 20m ./...); done

.PHONY: console
console: ## the console in a real browser, behind routers and proxies, on every store; needs chromium; a skipped test is a failure
	cd httpapi/console/browser && ROLLBOOK_TESTS=long ROLLBOOK_REQUIRE_BROWSER=1 ROLLBOOK_REQUIRE_REDIS=1 ROLLBOOK_REQUIRE_POSTGRES=1 \
		bash $(ROOT)/.ci/no-skips $(GO) test -v -count=1 -parallel 4 -timeout 20m ./...

.PHONY: readme
readme: ## the README's first command in a copy of the tree with empty caches; a few minutes
	bash .ci/readme

.PHONY: faults
faults: ## kill cycles, replaced files, lost replies and failovers, many times over; half an hour
	ROLLBOOK_TESTS=soak bash .ci/no-skips $(GO) test -v -count=1 -timeout 30m -run '^Test(Kill|ReplaceSequences|GroupFaults|DiskFull|BackupUnderLoad|RestoreKilled)$$' ./store/sqlite
	ROLLBOOK_TESTS=soak ROLLBOOK_REQUIRE_REDIS=1 bash .ci/no-skips $(GO) test -v -count=1 -timeout 60m -run '^Test(Faults|Failover|LostRepl|WaitReplicas)' ./store/redis
	ROLLBOOK_TESTS=soak ROLLBOOK_REQUIRE_REDIS=1 bash .ci/no-skips $(GO) test -v -count=1 -timeout 60m -skip '^TestNodeDay$$' ./internal/testing/delivery ./internal/testing/moving
	cd store/postgres && ROLLBOOK_TESTS=soak ROLLBOOK_REQUIRE_POSTGRES=1 bash $(ROOT)/.ci/no-skips $(GO) test -v -count=1 -timeout 60m -run '^Test(Deliveries|Moving|Server|Connections|Bouncer|LostOnTheWay|NoDeadlock|HostTransactions|Restored|MovesLost|MovesServer|MovesConnections|DumpUnderLoad)' .

.PHONY: webhooks
webhooks: ## signed events verified by npm's standardwebhooks; needs node, and the network
	bash .ci/webhooks

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME each
	bash .ci/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## the table of docs/performance.md: every row, half an hour
	cd bench && $(GO) run -buildvcs=false ./table

.PHONY: bench-quick
bench-quick: ## one pass of eight rows, two minutes
	cd bench && $(GO) run -buildvcs=false ./table -quick

.PHONY: mutants
mutants: ## change PKG in N ways, SEED says which, and show what no test of TESTS notices
	bin=$$(mktemp) && (cd bench && $(GO) build -buildvcs=false -o $$bin ./mutants) && $$bin -n $(N) -seed $(SEED) $(PKG) $(TESTS); status=$$?; rm -f $$bin; exit $$status

.PHONY: neighbours
neighbours: ## what one tenant's worst requests do to another, on every store; eight minutes at most
	cd bench && $(GO) run -buildvcs=false ./neighbours

.PHONY: move
ROWS ?= 1000000
move: ## import ROWS users into SQLite, PostgreSQL and Redis, killed twice; a few minutes
	bin=$$(mktemp) && (cd bench && $(GO) build -buildvcs=false -o $$bin ./move) && $$bin -rows $(ROWS); status=$$?; rm -f $$bin; exit $$status

.PHONY: tidy-check
tidy-check: ## go.mod and go.sum of every module say what the code needs
	$(GO) mod tidy -diff
	@set -e; for m in $(NESTED); do echo "$$m: go mod tidy -diff"; (cd $$m && $(GO) mod tidy -diff); done
	$(GO) mod verify

.PHONY: release-check
release-check: ## what a program gets that requires a module of this tree, or installs rollbook, through a module proxy and without replace
	$(GO) run -buildvcs=false ./internal/release

.PHONY: api
api: ## what changed in the exported API since BASE
	bash .ci/api $(BASE)

.PHONY: examples
examples: ## build every example and run it for a moment
	bash .ci/examples
