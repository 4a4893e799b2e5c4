package enduser

import (
	"strconv"

	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// note returns the note of a change for the store's feed.
func (w *writer) note(kind ChangeType, fields []string) []byte {
	b := w.beginNote(kind)
	if len(fields) > 0 {
		b = jsontext.AppendList(appendName(b, "fields"), fields, jsontext.AppendString)
	}
	return append(b, '}')
}

// farewell returns the note of a deletion, which frees an external ID.
func (w *writer) farewell(kind ChangeType, externalID string) []byte {
	b := w.beginNote(kind)
	if w.schema.NoteExternalIDs {
		b = appendText(b, "external_id", externalID)
	}
	return append(b, '}')
}

func (w *writer) beginNote(kind ChangeType) []byte {
	b := make([]byte, 0, 128)
	b = append(b, `{"type":"`...)
	b = append(b, kind...)
	b = append(b, `","at":`...)
	b = strconv.AppendInt(b, w.now.UnixMilli(), 10)
	b = appendStamp(b, w.stamp)
	return appendText(b, "actor", w.actor)
}

// scan reads a note.
func (c *Change) scan(note string) (stamp, error) {
	var s stamp
	p := jsontext.NewScanner(note)
	err := p.Object(func(name string) (err error) {
		switch name {
		case "type":
			var text string
			text, err = p.String()
			c.Type = ChangeType(text)
		case "at":
			c.At, err = scanTime(&p)
		case "stamp":
			s, err = scanStamp(&p)
		case "actor":
			c.Actor, err = p.String()
		case "fields":
			err = p.Array(func() error {
				field, err := p.String()
				c.Fields = append(c.Fields, field)
				return err
			})
		case "external_id":
			c.ExternalID, err = p.String()
		default: // a newer program's; a note is never written back
			_, err = p.Raw()
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return s, p.End()
}
