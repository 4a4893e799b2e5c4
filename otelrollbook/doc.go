// Package otelrollbook reports to OpenTelemetry what Rollbook does: as metrics what is asked of
// it, what its store does, its sweeps and its deliveries to webhooks, and as spans the requests
// and their calls of the store.
//
//	telemetry, err := otelrollbook.New(&otelrollbook.Options{MeterProvider: meters, TracerProvider: tracers})
//	st, err := sqlite.Open(ctx, "users.db", &sqlite.Options{Observer: telemetry.Store("sqlite")})
//	users := enduser.New(telemetry.Spans(st, "sqlite"), &enduser.Options{Observer: telemetry.Users()})
//	api, err := httpapi.New(users, auth, nil)
//	err = http.ListenAndServe(addr, telemetry.Handler(api))
//
// It depends on OpenTelemetry's API alone. The program brings the SDK and the exporters, and
// there are no globals: a program that wants the global providers passes otel.GetMeterProvider()
// and otel.GetTracerProvider().
//
// # Metrics
//
// Durations are in seconds. Attributes in brackets are there only if they apply.
//
//	http.server.request.duration     histogram  http.request.method [http.route] [http.response.status_code] url.scheme [error.type] [rollbook.family]
//	http.server.active_requests      sum        http.request.method, url.scheme
//	rollbook.problems                counter    rollbook.family, rollbook.problem.code
//	rollbook.tenant.requests         counter    rollbook.tenant, http.response.status_code; with Options.Tenants
//
//	rollbook.store.call.duration     histogram  db.system.name, rollbook.store.method [error.type]
//	rollbook.store.queue.length      histogram  db.system.name, rollbook.store.method; calls that waited for the same writer
//	rollbook.store.items             counter    db.system.name, rollbook.store.method; records read and ops written
//	rollbook.store.group.size        histogram  db.system.name; calls that shared a commit or a round trip
//	rollbook.store.group.duration    histogram  db.system.name [error.type]
//	rollbook.store.retries           counter    db.system.name [error.type]
//	rollbook.store.unknown_outcomes  counter    db.system.name; writes that may or may not have been done
//	rollbook.store.damaged           counter    db.system.name; records that could not be read
//
//	rollbook.sweep.duration          histogram  [error.type]
//	rollbook.sweep.users             counter    users that were deleted because their time was over
//	rollbook.sweep.lag               gauge      how long the oldest expired record had waited for the last sweep
//	rollbook.sweep.unreadable        gauge      records that the last sweep had to skip
//
//	rollbook.webhook.attempt.duration  histogram  rollbook.webhook.result
//	rollbook.webhook.lag               histogram  rollbook.webhook.result; from a change to the end of an attempt
//	rollbook.webhook.dead_letters      counter    events that are not attempted again
//	rollbook.webhook.disabled          counter    rollbook.webhook.reason
//
// http.route is the route without what the host mounted the family under: rollbook.family tells
// them apart. rollbook.problem.code is the code of the problem that was answered, the same in all
// families: "rate-limited" counts refusals by rate. The error.type of stores is a word for each
// error of package store: "not_found", "taken", "stale" and "trimmed" are answers that callers
// expect, "unavailable" and "unknown" are trouble. rollbook.webhook.result is "delivered", "3xx",
// "4xx", "5xx", or why there was no answer ("timeout").
//
// The counters whose first count is an alarm (unknown outcomes, damaged records, dead letters)
// begin with 0, so that a rate sees it.
//
// # Spans
//
// Each request is a span of kind server, named after its method and route, within the trace of
// the caller. The semantic conventions of OpenTelemetry 1.43 hold, but for url.path and
// client.address, which are left out: paths have IDs of users. The calls of a store that
// [Telemetry.Spans] returned are spans within it, "store.Get" and so on.
//
// # Privacy
//
// No attribute has an ID, an address, a name or anything else of a user, and none has the name of
// a tenant, unless Options.Tenants asks for it.
package otelrollbook
