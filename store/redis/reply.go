package redis

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// reply is the answer of a script: a status and, behind the echo, the rest.
type reply struct {
	status string
	args   []string
}

// parseReply verifies that a reply has the form of a script's and echoes what the call
// was about; otherwise it belongs to another call, and the error is errReply.
func parseReply(val any, echo ...string) (reply, error) {
	list, ok := val.([]any)
	if !ok || len(list) < 1+len(echo) {
		return reply{}, errReply
	}
	words := make([]string, len(list))
	for i, v := range list {
		if words[i], ok = v.(string); !ok {
			return reply{}, errReply
		}
	}
	for i, want := range echo {
		if words[1+i] != want {
			return reply{}, errReply
		}
	}
	return reply{status: words[0], args: words[1+len(echo):]}, nil
}

func (r reply) is(status string, args int) bool {
	return r.status == status && len(r.args) == args
}

// values returns the replies of commands, nil where Redis has none, or the first error.
func values(cmds []*goredis.Cmd) ([]any, error) {
	vals := make([]any, len(cmds))
	for i, cmd := range cmds {
		val, err := cmd.Result()
		if err != nil && !errors.Is(err, goredis.Nil) {
			return nil, err
		}
		vals[i] = val
	}
	return vals, nil
}

// parseEntries reads the reply to a range WITHSCORES: pairs in RESP3, one flat list of
// strings in RESP2.
func parseEntries(val any) ([]entry, error) {
	list, ok := val.([]any)
	if !ok {
		return nil, errReply
	}
	var flat []any
	for _, v := range list {
		if pair, ok := v.([]any); ok {
			flat = append(flat, pair...)
		} else {
			flat = append(flat, v)
		}
	}
	if len(flat)%2 != 0 {
		return nil, errReply
	}
	entries := make([]entry, 0, len(flat)/2)
	for i := 0; i < len(flat); i += 2 {
		id, ok := flat[i].(string)
		score, isNumber := float(flat[i+1])
		if !ok || !isNumber {
			return nil, errReply
		}
		entries = append(entries, entry{id: id, score: int64(score)})
	}
	return entries, nil
}

// float reads a score, in which revisions and milliseconds are exact.
func float(val any) (float64, bool) {
	switch v := val.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case string:
		f, err := strconv.ParseFloat(v, 64)
		return f, err == nil
	}
	return 0, false
}

// number reads an integer reply; 0 for anything else.
func number(val any) int64 {
	n, _ := val.(int64)
	return n
}

// stringsOf reads a reply that is a list of strings.
func stringsOf(val any) ([]string, error) {
	list, ok := val.([]any)
	if !ok {
		return nil, errReply
	}
	all := make([]string, len(list))
	for i, v := range list {
		if all[i], ok = v.(string); !ok {
			return nil, errReply
		}
	}
	return all, nil
}

// storedValues reads the reply to an HMGET of n fields: strings, nil where there is none.
func storedValues(val any, n int) ([]any, error) {
	list, ok := val.([]any)
	if !ok || len(list) != n {
		return nil, errReply
	}
	return list, nil
}

// infoFields returns the fields of a reply to INFO.
func infoFields(text string) map[string]string {
	fields := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields
}

// member returns a member of a map in RESP3 or RESP2.
func member(reply any, name string) string {
	switch r := reply.(type) {
	case map[any]any:
		value, _ := r[name].(string)
		return value
	case []any:
		if i := slices.Index(r, any(name)); i >= 0 && i+1 < len(r) {
			value, _ := r[i+1].(string)
			return value
		}
	}
	return ""
}

// errReply: a reply cannot be the answer to the call.
var errReply = errors.New("a reply is not about the call")
