// Package recording checks that the sessions on a page of the documentation are what a shell
// shows.
//
// A session is a block of code that is marked console. A line that begins with "$ " is a command,
// one that begins with "> " goes on with it, and what follows is what it prints, to standard
// output and standard error. If a command fails the last line is "(exit status N)". All commands
// of a page are run by one shell, in one empty folder: variables stay, and a program that was
// started with & runs until the end of the page.
//
// What is another at every run is compared by its form alone; see [Masks]. If a page shows an ID
// that a command made, and later commands have it as an argument, these get the ID of this run.
package recording

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Page is a page with sessions.
type Page struct {
	lines []string
	steps []step
}

// step is a command and what it prints.
type step struct {
	command    string
	line       int // of the command, from 0
	first, end int // lines of the output
}

// Parse reads a page.
func Parse(text string) *Page {
	p := &Page{lines: strings.Split(text, "\n")}
	inside := false
	for i, line := range p.lines {
		last := len(p.steps) - 1
		switch {
		case !inside:
			inside = line == "```console"
		case line == "```":
			inside = false
		case strings.HasPrefix(line, "$ "):
			p.steps = append(p.steps, step{command: line[2:], line: i, first: i + 1, end: i + 1})
		case last < 0:
		case strings.HasPrefix(line, "> ") && p.steps[last].end == i && p.steps[last].first == i:
			s := &p.steps[last]
			s.command, s.first, s.end = s.command+"\n"+line[2:], i+1, i+1
		default:
			p.steps[last].end = i + 1
		}
	}
	return p
}

// Commands returns how many commands the page has.
func (p *Page) Commands() int { return len(p.steps) }

// Mismatch is a command that prints something else than the page says.
type Mismatch struct {
	Line      int // of the command, from 1
	Command   string
	Want, Got string
}

// String shows the command and both texts.
func (m Mismatch) String() string {
	return fmt.Sprintf("line %d: $ %s\nprints\n%s\nand not\n%s", m.Line, m.Command, m.Got, m.Want)
}

// Shell runs one command after the other.
type Shell interface {
	// Run returns what a command prints, without the last newline. It waits until a command in
	// the background has printed so many lines.
	Run(command string, lines int) (string, error)
}

// Options are the settings of a run. The zero value changes nothing.
type Options struct {
	// Replace has texts of the page, and what stands for each in this run: a port for example.
	Replace map[string]string

	// Clean takes away from an output what is there in some runs alone. Nil takes nothing away.
	Clean func(output string) string
}

// Run runs all commands in a shell. It returns those that print something else than the page says,
// and the page as it would be right.
func (p *Page) Run(sh Shell, opts Options) (wrong []Mismatch, right string, err error) {
	s := session{real: make(map[string]string), shown: make(map[string]string)}
	for shown, actual := range opts.Replace {
		s.real[shown], s.shown[actual] = actual, shown
	}
	var b strings.Builder
	next := 0
	for _, step := range p.steps {
		want := strings.Join(p.lines[step.first:step.end], "\n")
		got, err := sh.Run(swap(step.command, s.real), step.end-step.first)
		if err != nil {
			return nil, "", fmt.Errorf("line %d: $ %s: %w", step.line+1, step.command, err)
		}
		if opts.Clean != nil {
			got = opts.Clean(got)
		}
		for _, line := range p.lines[next:step.first] {
			b.WriteString(line + "\n")
		}
		next = step.end
		if !s.same(want, got) {
			got = swap(got, s.shown)
			wrong = append(wrong, Mismatch{step.line + 1, step.command, want, got})
			want = got
		}
		if want != "" {
			b.WriteString(want + "\n")
		}
	}
	b.WriteString(strings.Join(p.lines[next:], "\n"))
	return wrong, b.String(), nil
}

// session is what is known of this run.
type session struct {
	real  map[string]string // by what the page shows
	shown map[string]string // by what is real
}

// same reports whether two outputs have the same form, and learns which IDs of the page are which
// of this run. What is the same ID on the page must be the same in this run, and the reverse.
func (s *session) same(want, got string) bool {
	wantForm, wantIDs := masked(want)
	gotForm, gotIDs := masked(swap(got, s.shown))
	if wantForm != gotForm {
		return false
	}
	for i, shown := range wantIDs {
		actual := cmp.Or(s.real[gotIDs[i]], gotIDs[i])
		if known, ok := s.real[shown]; ok && known != actual {
			return false
		}
		if known, ok := s.shown[actual]; ok && known != shown {
			return false
		}
		s.real[shown], s.shown[actual] = actual, shown
	}
	return true
}

// swap replaces texts, longer ones first.
func swap(text string, by map[string]string) string {
	var pairs []string
	for old := range by {
		pairs = append(pairs, old)
	}
	slices.SortFunc(pairs, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	args := make([]string, 0, 2*len(pairs))
	for _, old := range pairs {
		args = append(args, old, by[old])
	}
	return strings.NewReplacer(args...).Replace(text)
}
