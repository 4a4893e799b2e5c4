package ada

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// conversationInput is the body of a request for a conversation.
type conversationInput struct {
	rest.Input

	channelID, endUserID rest.Optional[string]
}

// maxChannelID bounds what is repeated in the answer.
const maxChannelID = 256 // bytes

func readConversation(body string) (in conversationInput, err error) {
	const channel, user = "$.channel_id", "$.end_user_id"
	p := jsontext.NewScanner(body)
	err = in.End(&p, p.Object(func(name string) error {
		switch name {
		case "channel_id":
			return rest.Member(&in.Input, &p, channel, &in.channelID, notBlank(&in.Input, &p, channel))
		case "end_user_id":
			return rest.Member(&in.Input, &p, user, &in.endUserID, notBlank(&in.Input, &p, user))
		}
		return in.Ignore(&p, "$.", name, "channel_id", "end_user_id")
	}))
	if err != nil {
		return in, err
	}
	if !in.channelID.Given {
		in.Fault(channel, enduser.CodeRequired, "is required")
	}
	if len(in.channelID.Value) > maxChannelID {
		in.Fault(channel, enduser.CodeLength, "must have at most "+strconv.Itoa(maxChannelID)+" bytes")
	}
	in.RefuseNull(channel, in.channelID.Null)
	in.RefuseNull(user, in.endUserID.Null)
	return in, in.Err()
}

// converse keeps the user of a conversation, or makes one that stays.
func (f *family) converse(c *call) error {
	in, err := readConversation(c.Body())
	if err != nil {
		return err
	}
	t, ctx := f.tenant(c), c.Request.Context()
	var u enduser.User
	if in.endUserID.Given {
		u, err = t.Associate(ctx, enduser.ByID(in.endUserID.Value))
	} else {
		u, err = t.Create(ctx, enduser.Spec{})
	}
	if err != nil {
		return blame(err, "id", rest.Field{Pointer: "$.end_user_id"})
	}
	return c.JSON(http.StatusCreated, appendConversation(c.Buffer(), in.channelID.Value, u.ID, f.users.Now()))
}

// appendConversation writes a conversation that begins now. Its ID has the form of
// the vendor's, and nothing goes by it.
func appendConversation(b []byte, channel, user string, now time.Time) []byte {
	var id [12]byte
	_, _ = rand.Read(id[:]) // never fails: crypto/rand
	b = append(hex.AppendEncode(append(b, `{"id":"`...), id[:]), '"')
	b = jsontext.AppendString(append(b, `,"channel_id":`...), channel)
	b = jsontext.AppendString(append(b, `,"end_user_id":`...), user)
	b = appendTime(append(b, `,"status":"active","created_at":`...), now)
	b = appendTime(append(b, `,"updated_at":`...), now)
	return append(b, `,"metadata":{}}`...)
}
