package otelrollbook

import (
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// The attributes of Rollbook's own.
const (
	familyKey = attribute.Key("rollbook.family")
	actionKey = attribute.Key("rollbook.action")
	codeKey   = attribute.Key("rollbook.problem.code")
	tenantKey = attribute.Key("rollbook.tenant")
	methodKey = attribute.Key("rollbook.store.method")
	resultKey = attribute.Key("rollbook.webhook.result")
	reasonKey = attribute.Key("rollbook.webhook.reason")
)

// metrics are the instruments, and the attributes that they were used with.
type metrics struct {
	duration metric.Float64Histogram
	active   metric.Int64UpDownCounter
	problems metric.Int64Counter
	tenants  metric.Int64Counter

	calls      metric.Float64Histogram
	queue      metric.Int64Histogram
	items      metric.Int64Counter
	groups     metric.Int64Histogram
	groupsTook metric.Float64Histogram
	retries    metric.Int64Counter
	unknown    metric.Int64Counter
	damaged    metric.Int64Counter

	sweeps     metric.Float64Histogram
	swept      metric.Int64Counter
	late       metric.Float64Gauge
	unreadable metric.Int64Gauge

	attempts metric.Float64Histogram
	lag      metric.Float64Histogram
	dead     metric.Int64Counter
	disabled metric.Int64Counter

	requests sets[request]
	begun    sets[begun]
	refused  sets[problem]
	byTenant sets[ofTenant]
	stores   sets[storeCall]
	errors   sets[storeError]
	results  sets[result]
	faults   *names
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	m := &metrics{faults: newNames(maxFaults)}
	i := instruments{meter: meter}
	m.http(&i)
	m.store(&i)
	m.manager(&i)
	return m, errors.Join(i.errs...)
}

func (m *metrics) http(i *instruments) {
	m.duration = i.seconds("http.server.request.duration", "Duration of HTTP server requests.",
		.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10)
	m.active = i.upDown("http.server.active_requests", "{request}", "Number of active HTTP server requests.")
	m.problems = i.counter("rollbook.problems", "{problem}", "Requests that were answered with a problem, by its code.")
	m.tenants = i.counter("rollbook.tenant.requests", "{request}", "Requests of a tenant.")
}

func (m *metrics) store(i *instruments) {
	short := []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5, 15}
	counts := []float64{0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}
	m.calls = i.seconds("rollbook.store.call.duration", "Duration of calls of the store, waiting included.", short...)
	m.queue = i.sizes("rollbook.store.queue.length", "{call}", "Calls that waited for the same writer when one was queued.", counts...)
	m.items = i.counter("rollbook.store.items", "{item}", "Records that were read, and ops that were written.")
	m.groups = i.sizes("rollbook.store.group.size", "{call}", "Calls that shared a commit or a round trip.", counts[1:]...)
	m.groupsTook = i.seconds("rollbook.store.group.duration", "Duration of groups of writes, to their commit.", short...)
	m.retries = i.counter("rollbook.store.retries", "{attempt}", "Attempts that the store repeated by itself.")
	m.unknown = i.counter("rollbook.store.unknown_outcomes", "{call}", "Writes that may or may not have been done.")
	m.damaged = i.counter("rollbook.store.damaged", "{record}", "Records that could not be read.")
}

func (m *metrics) manager(i *instruments) {
	m.sweeps = i.seconds("rollbook.sweep.duration", "Duration of sweeps.", .001, .01, .1, .5, 1, 5, 15, 60, 300)
	m.swept = i.counter("rollbook.sweep.users", "{user}", "Users that sweeps deleted.")
	m.late = i.secondsNow("rollbook.sweep.lag", "How long the oldest expired record had waited for the last sweep.")
	m.unreadable = i.gauge("rollbook.sweep.unreadable", "{record}", "Records that the last sweep had to skip.")
	m.attempts = i.seconds("rollbook.webhook.attempt.duration", "Duration of attempts to deliver an event to a webhook.",
		.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15)
	m.lag = i.seconds("rollbook.webhook.lag", "Time from a change to the end of an attempt to deliver it.",
		.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 4*3600, 12*3600, 48*3600)
	m.dead = i.counter("rollbook.webhook.dead_letters", "{event}", "Events that are not attempted again.")
	m.disabled = i.counter("rollbook.webhook.disabled", "{webhook}", "Webhooks that were disabled because they failed, or asked for it.")
}

// instruments makes instruments, and keeps the errors.
type instruments struct {
	meter metric.Meter
	errs  []error
}

func kept[T any](i *instruments) func(T, error) T {
	return func(made T, err error) T {
		if err != nil {
			i.errs = append(i.errs, err)
		}
		return made
	}
}

func (i *instruments) seconds(name, what string, bounds ...float64) metric.Float64Histogram {
	return kept[metric.Float64Histogram](i)(i.meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(what), metric.WithExplicitBucketBoundaries(bounds...)))
}

func (i *instruments) sizes(name, unit, what string, bounds ...float64) metric.Int64Histogram {
	return kept[metric.Int64Histogram](i)(i.meter.Int64Histogram(name, metric.WithUnit(unit), metric.WithDescription(what), metric.WithExplicitBucketBoundaries(bounds...)))
}

func (i *instruments) counter(name, unit, what string) metric.Int64Counter {
	return kept[metric.Int64Counter](i)(i.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(what)))
}

func (i *instruments) upDown(name, unit, what string) metric.Int64UpDownCounter {
	return kept[metric.Int64UpDownCounter](i)(i.meter.Int64UpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(what)))
}

func (i *instruments) gauge(name, unit, what string) metric.Int64Gauge {
	return kept[metric.Int64Gauge](i)(i.meter.Int64Gauge(name, metric.WithUnit(unit), metric.WithDescription(what)))
}

func (i *instruments) secondsNow(name, what string) metric.Float64Gauge {
	return kept[metric.Float64Gauge](i)(i.meter.Float64Gauge(name, metric.WithUnit("s"), metric.WithDescription(what)))
}
