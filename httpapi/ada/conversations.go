package ada

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/internal/userjson"
)

// conversationInput is the body of a request for a conversation.
type conversationInput struct {
	rest.Input

	channelID, endUserID rest.Optional[string]
}

// maxChannelID is a limit because the answer repeats it.
const maxChannelID = 256 // bytes

// The JSON paths of its members.
const channelID, endUserID = "$.channel_id", "$.end_user_id"

func readConversation(body string) (in conversationInput, err error) {
	p := jsontext.NewScanner(body)
	err = in.End(&p, p.Object(func(name string) error {
		switch name {
		case "channel_id":
			return rest.Member(&in.Input, &p, channelID, &in.channelID, notBlank(&in.Input, &p, channelID))
		case "end_user_id":
			return rest.Member(&in.Input, &p, endUserID, &in.endUserID, notBlank(&in.Input, &p, endUserID))
		}
		return in.Ignore(&p, "$.", name, "channel_id", "end_user_id")
	}))
	if err != nil {
		return in, err
	}
	if !in.channelID.Given {
		in.Fault(channelID, enduser.CodeRequired, "is required")
	}
	if len(in.channelID.Value) > maxChannelID {
		in.Fault(channelID, enduser.CodeLength, "must have at most "+strconv.Itoa(maxChannelID)+" bytes")
	}
	in.RefuseNull(channelID, in.channelID.Null)
	in.RefuseNull(endUserID, in.endUserID.Null)
	return in, in.Err()
}

// converse makes the user of a conversation permanent, or makes a permanent one.
func (a *api) converse(c *call) error {
	in, err := readConversation(c.Body())
	if err != nil {
		return err
	}
	t, ctx := a.Tenant(c), c.Request.Context()
	var u enduser.User
	if in.endUserID.Given {
		u, err = t.Associate(ctx, enduser.ByID(in.endUserID.Value))
	} else if err = a.Allow(c, "createEndUser", true); err == nil {
		u, err = t.Create(ctx, enduser.Spec{})
	}
	if err != nil {
		return family.Placed(err, func(f *rest.Field) { f.Path = rest.Path{Name: endUserID} })
	}
	return c.JSON(http.StatusCreated, appendConversation(c.Buffer(), in.channelID.Value, u.ID, a.Users.Now()))
}

// appendConversation appends a conversation that begins now. Its ID is random, in the form
// of the vendor's, and no route takes it.
func appendConversation(b []byte, channel, user string, now time.Time) []byte {
	var id [12]byte
	_, _ = rand.Read(id[:]) // never fails: crypto/rand
	b = append(hex.AppendEncode(append(b, `{"id":"`...), id[:]), '"')
	b = jsontext.AppendString(append(b, `,"channel_id":`...), channel)
	b = jsontext.AppendString(append(b, `,"end_user_id":`...), user)
	b = userjson.AdaTime(append(b, `,"status":"active","created_at":`...), now)
	b = userjson.AdaTime(append(b, `,"updated_at":`...), now)
	return append(b, `,"metadata":{}}`...)
}
