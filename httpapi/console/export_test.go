package console

import "github.com/rollbook-go/rollbook/httpapi/internal/family"

// Routes returns all routes, so that tests cannot forget a new one.
func Routes() []family.Route { return new(console).routes() }
