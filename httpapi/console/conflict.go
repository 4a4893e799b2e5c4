package console

import (
	"maps"
	"slices"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
)

// part is what can be chosen by itself when somebody else has changed the user meanwhile: a
// field, or a key of metadata.
type part struct {
	name              string // "email", "metadata.plan"
	field, key        string
	was, theirs, mine string // "" of a key that is not there
}

func (p *part) theirsChanged() bool { return p.theirs != p.was }
func (p *part) mineChanged() bool   { return p.mine != p.was }

// parts compares a draft with the user as it is now.
func (d *draft) parts(theirs map[string]string) []part {
	var all []part
	for _, name := range draftFields() {
		whole := part{name, name, "", d.was[name], theirs[name], d.value[name]}
		if byKey, ok := whole.byKey(); name == "metadata" && ok {
			all = append(all, byKey...)
			continue
		}
		all = append(all, whole)
	}
	return all
}

// maxParts is how many keys of metadata are chosen one by one.
const maxParts = 1000

// byKey divides metadata into its keys. It returns false if a text is not valid metadata, or
// there are too many.
func (p *part) byKey() ([]part, bool) {
	was, err := enduser.ParseMetadata(p.was)
	theirs, err2 := enduser.ParseMetadata(p.theirs)
	mine, err3 := enduser.ParseMetadata(p.mine)
	if err != nil || err2 != nil || err3 != nil {
		return nil, false
	}
	keys := maps.Clone(was)
	maps.Copy(keys, theirs)
	maps.Copy(keys, mine)
	if len(keys) > maxParts {
		return nil, false
	}
	var all []part
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		all = append(all, part{p.name + "." + key, p.field, key, valueText(was, key), valueText(theirs, key), valueText(mine, key)})
	}
	return all, true
}

func valueText(m enduser.Metadata, key string) string {
	if v, ok := m[key]; ok {
		return v.Text()
	}
	return ""
}

// behind reports whether somebody else has changed what the draft would overwrite, or show
// wrongly.
func (d *draft) behind(theirs map[string]string) bool {
	return slices.ContainsFunc(d.parts(theirs), func(p part) bool { return p.theirsChanged() && p.theirs != p.mine })
}

// choice is a part of which there are two versions.
type choice struct {
	Name    string // of its radio buttons
	Label   string
	Theirs  string // as it is now
	Mine    string
	Both    string // of a list that both have changed: with both changes
	Picked  string // "theirs", "mine" or "both"
	Changed chip   // who has changed it
	Mono    bool
}

// choices returns the parts in which the draft is not the user as it is now. Picked is what was
// picked before, or else the side that has changed the part.
func (d *draft) choices(theirs map[string]string) []choice {
	var all []choice
	for _, p := range d.parts(theirs) {
		if p.theirs == p.mine {
			continue
		}
		c := choice{
			Name: pickPrefix + p.name, Label: fieldLabel(p.field), Theirs: p.theirs, Mine: p.mine,
			Picked: d.picked[p.name], Changed: p.changed(), Mono: isMono(p.field),
		}
		if p.key != "" {
			c.Label += " " + cut(visible(p.key), 64)
		}
		if p.theirsChanged() && p.mineChanged() && isList(p.field) {
			c.Both = p.merged()
		}
		if c.Picked == "" || c.Picked == "both" && c.Both == "" {
			c.Picked = c.standard(p.mineChanged())
		}
		all = append(all, c)
	}
	return all
}

// changed says who has changed a part.
func (p *part) changed() chip {
	switch {
	case !p.theirsChanged():
		return chip{"", "changed by you"}
	case !p.mineChanged():
		return chip{"", "changed by them"}
	}
	return chip{"warn", "changed by both"}
}

func (c *choice) standard(mineChanged bool) string {
	switch {
	case c.Both != "":
		return "both"
	case mineChanged:
		return "mine"
	}
	return "theirs"
}

// merged returns a list with the changes of both sides.
func (p *part) merged() string {
	was, mine := setOf(p.was), setOf(p.mine)
	merged := slices.DeleteFunc(lines(p.theirs), func(line string) bool { return was[line] && !mine[line] })
	theirs := setOf(p.theirs)
	for _, line := range lines(p.mine) {
		if !was[line] && !theirs[line] {
			merged = append(merged, line)
		}
	}
	return strings.Join(merged, "\n")
}

func setOf(text string) map[string]bool {
	set := make(map[string]bool)
	for _, line := range lines(text) {
		set[line] = true
	}
	return set
}

// settle makes the draft one of the user as it is now: each part is what was picked, or else
// what was typed where that changes something.
func (d *draft) settle(version enduser.Version, theirs map[string]string) {
	metadata, byKey := make(enduser.Metadata), false
	for _, p := range d.parts(theirs) {
		chosen := p.chosen(d.picked[p.name])
		if p.key == "" {
			d.value[p.field] = chosen
			continue
		}
		byKey = true
		if v, err := enduser.JSON(chosen); err == nil {
			metadata[p.key] = v
		}
	}
	if byKey {
		d.value["metadata"] = metadataText(metadata)
	}
	d.version, d.was = version, theirs
}

func (p *part) chosen(picked string) string {
	switch {
	case picked == "theirs", picked == "" && !p.mineChanged():
		return p.theirs
	case picked == "both" && isList(p.field):
		return p.merged()
	}
	return p.mine
}

// side is one version of a part, as templates show it.
type side struct {
	Text string
	Mono bool
}

func sideOf(text string, mono bool) side {
	all := strings.Split(text, "\n")
	for i := range all {
		all[i] = visible(all[i])
	}
	return side{strings.Join(all, "\n"), mono}
}
