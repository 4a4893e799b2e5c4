package vendors

import (
	"errors"
	"io"
)

// File returns the rows of a file: one object on each line (NDJSON), an array of objects, or
// answers of the vendor's API, also several, each on a line of its own or over many lines. After
// is the Position of a row up to which rows were imported, "" for none.
//
// Lines {"type":"rejected",…} are passed over, so that a file of rejected rows can be corrected
// and read again.
func File(f Format, r io.Reader, after string) (Source, error) {
	return nil, errors.ErrUnsupported
}
