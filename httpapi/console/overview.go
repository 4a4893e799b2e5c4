package console

import (
	"net/http"

	"github.com/rollbook-go/rollbook/httpapi/internal/family"
)

type overviewPage struct {
	page
}

func (c *console) overview(call *family.Call) error {
	return c.show(call, http.StatusOK, "overview", &overviewPage{page: c.page(call, "", "Overview")})
}
