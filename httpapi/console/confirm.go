package console

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
)

// confirmPage asks before something is done that cannot be undone.
type confirmPage struct {
	page
	Action  string // where the answer is sent, relative to the root
	Back    string // where "Cancel" leads, relative to the root
	Verb    string // of the button, with its object: "Delete user"
	Danger  bool
	Before  string // the question: what it is done to stands between Before and After
	About   string
	After   string
	Facts   []fact   // by which it is recognized
	Effects []string // what will happen
	Changed string   // it is not what it was when it was asked for
	Failed  string   // why nothing was done, or that it is not known
	Options []option // of which one is chosen
	Choose  string   // what they say
	Version string   // of what it is done to
	Key     string   // of the request, so that sending it again does nothing more
}

// fact is a name and a text.
type fact struct {
	Name, Text string
}

// newKey returns an idempotency key for a form: whoever sends that twice does it once.
func newKey() string { return rand.Text() }

// answer is what a page that asks sends.
type answer struct {
	version enduser.Version // of what it was asked about
	key     string
}

func readAnswer(f *form) (a answer, err error) {
	a.key = f.text("key")
	if strings.Trim(a.key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" || len(a.key) != len(newKey()) {
		f.wrong = true
	}
	if a.version, err = enduser.ParseVersion(f.text("version")); err != nil {
		f.wrong = true
	}
	return a, f.err()
}

// once returns the context of a write that an answer has done once, however often it is sent.
func (a *answer) once(call *family.Call) context.Context {
	return enduser.Idempotent(call.Request.Context(), a.key)
}

// showDelete asks whether a user is to be deleted.
func (c *console) showDelete(call *family.Call) error {
	u, unreadable, err := c.userToDelete(call)
	if err != nil {
		return err
	}
	return c.show(call, http.StatusOK, "confirm", c.deletePage(call, &u, unreadable))
}

// userToDelete returns the user of the path, of one that is unreadable the ID alone.
func (c *console) userToDelete(call *family.Call) (u enduser.User, unreadable bool, err error) {
	u, err = c.userToChange(call)
	if e, ok := errors.AsType[*enduser.UnreadableError](err); ok && e.Kind == "user" {
		return enduser.User{ID: e.ID}, true, nil
	}
	return u, false, err
}

func (c *console) deletePage(call *family.Call, u *enduser.User, unreadable bool) *confirmPage {
	p := c.confirmPage(call, "Delete user", u)
	p.Before = "Delete user"
	p.Action, p.Danger, p.Version, p.Key = userPath(u.ID)+"/delete", true, u.Version.String(), newKey()
	p.Effects = []string{
		"The user is deleted for good, with its metadata and sensitive values.",
		"Its external ID, e-mail address and accounts are free for others.",
		"This cannot be undone.",
	}
	if unreadable {
		p.Effects = append([]string{"This user cannot be read: it is damaged, or was written by a newer version of the server."}, p.Effects...)
	}
	return p
}

// confirmPage returns a page that asks whether something is to be done to a user.
func (c *console) confirmPage(call *family.Call, verb string, u *enduser.User) *confirmPage {
	p := &confirmPage{page: c.page(call, "users", verb, nameOf(u), "Users"), Verb: verb, About: nameOf(u), Back: userPath(u.ID)}
	p.Crumbs = []link{{"users", "Users"}, {userPath(u.ID), nameOf(u)}}
	for _, f := range []fact{{"External ID", u.ExternalID}, {"E-mail", u.Email}, {"ID", u.ID}} {
		if f.Text != "" {
			p.Facts = append(p.Facts, f)
		}
	}
	return p
}

// deleteUser deletes a user. If it is not the user that was asked about any more, it asks again.
func (c *console) deleteUser(call *family.Call) error {
	a, err := readAnswer(readForm(call))
	if err != nil {
		return err
	}
	if err := c.Allow(call, "getEndUser", false); err != nil {
		return err
	}
	conds := []enduser.Condition{enduser.IfVersion(a.version)}
	if a.version.IsZero() { // it was asked about one that has no version, since it cannot be read
		if _, unreadable, _ := c.userToDelete(call); unreadable {
			conds = nil
		}
	}
	err = c.Tenant(call).Delete(a.once(call), userRef(call), conds...)
	if err == nil && !c.may(call, "listEndUsers", false) {
		return c.redirect(call, "?done=deleted")
	}
	if err == nil {
		return c.redirect(call, "users?done=deleted")
	}
	u, unreadable, failed := c.userToDelete(call)
	if failed != nil {
		return cannotAsk(err, failed)
	}
	p := c.deletePage(call, &u, unreadable)
	if errors.Is(err, enduser.ErrVersion) {
		p.Changed = "The user was changed after you were asked. It was not deleted. Look at it again before you delete it."
		return c.show(call, http.StatusConflict, "confirm", p)
	}
	return c.askAgain(call, p, err, a)
}

// cannotAsk returns the error of a write if the page that would show it cannot be made.
func cannotAsk(err, failed error) error {
	if errors.Is(failed, enduser.ErrNotFound) {
		return failed
	}
	return err
}

// askAgain shows a page that asks with the error of the first answer. The form has the same key,
// so that nothing is done twice if the outcome is not known.
func (c *console) askAgain(call *family.Call, p *confirmPage, err error, a answer) error {
	status, why := c.failure(call, err)
	p.Failed = why
	if errors.Is(err, enduser.ErrUnknown) {
		p.Failed = "It is not known whether this was done: the store did not answer. Send it again. It is not done twice."
	}
	p.Key = a.key
	return c.show(call, status, "confirm", p)
}

// showAssociate asks whether a user is to be made permanent.
func (c *console) showAssociate(call *family.Call) error {
	u, err := c.userToChange(call)
	if err != nil {
		return err
	}
	if u.ExpiresAt.IsZero() {
		return c.redirect(call, userPath(u.ID)+"?done=permanent")
	}
	return c.show(call, http.StatusOK, "confirm", c.associatePage(call, &u))
}

func (c *console) associatePage(call *family.Call, u *enduser.User) *confirmPage {
	p := c.confirmPage(call, "Make user permanent", u)
	p.Before, p.After = "Make user", " permanent"
	p.Action, p.Version, p.Key = userPath(u.ID)+"/associate", u.Version.String(), newKey()
	p.Effects = []string{"The user stays until somebody deletes it. It cannot be made provisional again."}
	if !u.ExpiresAt.IsZero() {
		p.Effects = append([]string{"Without this, the user is deleted at " + p.Time(u.ExpiresAt).UTC() + "."}, p.Effects...)
	}
	return p
}

// associate makes a user permanent, whatever else has changed about it meanwhile.
func (c *console) associate(call *family.Call) error {
	a, err := readAnswer(readForm(call))
	if err != nil {
		return err
	}
	if err := c.Allow(call, "getEndUser", false); err != nil {
		return err
	}
	_, err = c.Tenant(call).Associate(a.once(call), userRef(call))
	if err == nil {
		return c.redirect(call, userPath(call.PathValue("id"))+"?done=permanent")
	}
	u, failed := c.userToChange(call)
	if failed != nil {
		return cannotAsk(err, failed)
	}
	return c.askAgain(call, c.associatePage(call, &u), err, a)
}
