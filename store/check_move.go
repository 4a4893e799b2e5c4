package store

import "strconv"

// CheckImport validates a call of Import by rule 9. The error is an *InvalidError.
func CheckImport(tenant string, p Part) error {
	if err := checkTenant(tenant); err != nil {
		return err
	}
	switch {
	case len(p.Records)+len(p.Changes) == 0:
		return invalid(noOp, "part", "neither a record nor an entry")
	case len(p.Records) > MaxLimit:
		return tooMany(noOp, "part", MaxLimit, "records")
	case len(p.Changes) > MaxLimit:
		return tooMany(noOp, "part", MaxLimit, "entries")
	case p.Trimmed < 0:
		return invalid(noOp, "trimmed", "negative")
	case p.Trimmed > 0 && len(p.Changes) == 0:
		return invalid(noOp, "trimmed", "without an entry")
	}
	size := 0
	for i := range p.Records {
		if err := checkImported(i, &p.Records[i]); err != nil {
			return err
		}
		size += len(p.Records[i].Data)
	}
	last := p.Trimmed
	for i := range p.Changes {
		c := &p.Changes[i]
		if c.Seq <= last {
			return invalid(noOp, "entry "+strconv.Itoa(i), "not later than what is before it")
		}
		if err := checkImportedChange(i, c); err != nil {
			return err
		}
		last = c.Seq
		size += len(c.Note)
	}
	if size > MaxBatch {
		return tooLong(noOp, "part", MaxBatch)
	}
	return checkRecordsDiffer(p.Records)
}

// CheckDrop validates a call of Drop by rule 9.
func CheckDrop(tenant string) error { return checkTenant(tenant) }

// CheckKinds validates a call of Kinds by rule 9.
func CheckKinds(tenant, after string) error {
	if err := checkTenant(tenant); err != nil {
		return err
	}
	return checkString(noOp, "after", after, 0, MaxKind)
}

// CheckVerify validates a call of Verify by rule 9.
func CheckVerify(opts VerifyOptions) error {
	return checkString(noOp, "tenant", opts.Tenant, 0, MaxTenant)
}

func checkImported(i int, r *Record) error {
	switch {
	case r.Created <= 0:
		return invalid(i, "created", "not a revision")
	case r.Revision < r.Created:
		return invalid(i, "revision", "before created")
	}
	return checkRecord(i, r)
}

func checkImportedChange(i int, c *Change) error {
	what := "entry " + strconv.Itoa(i)
	switch {
	case c.Damaged:
		return invalid(noOp, what, "damaged")
	case c.Revision != c.Seq:
		return invalid(noOp, what+": revision", "not its place")
	case c.Type < Created || c.Type > Deleted:
		return invalid(noOp, what+": type", "unknown")
	case len(c.Note) > MaxNote:
		return tooLong(noOp, what+": note", MaxNote)
	}
	if err := checkString(noOp, what+": ID", c.ID, 1, MaxID); err != nil {
		return err
	}
	return checkString(noOp, what+": kind", c.Kind, 1, MaxKind)
}

// checkRecordsDiffer refuses two records with one ID, one Created, or one unique key.
func checkRecordsDiffer(records []Record) error {
	ids := make(map[string]struct{}, len(records))
	places := make(map[Revision]struct{}, len(records))
	keys := make(map[Key]struct{}, 2*len(records))
	for i := range records {
		r := &records[i]
		if _, dup := ids[r.ID]; dup {
			return invalid(i, "ID", "twice in the part")
		}
		if _, dup := places[r.Created]; dup {
			return invalid(i, "created", "twice in the part")
		}
		ids[r.ID], places[r.Created] = struct{}{}, struct{}{}
		for _, key := range r.Unique {
			if _, dup := keys[key]; dup {
				return invalid(i, "unique key", "twice in the part")
			}
			keys[key] = struct{}{}
		}
	}
	return nil
}
