package sqlite

// verifyPlans are the plans of what Verify reads; see plans.
func verifyPlans() map[string][]string {
	entries := func(search string) []string {
		return []string{
			"CO-ROUTINE e", search, "SCAN e", // at most verifyEntries rows
			"SEARCH r USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN",
		}
	}
	orphans := func(search, table string) []string {
		return []string{
			"CO-ROUTINE m", search, "SCAN m", // one row
			"CORRELATED SCALAR SUBQUERY 1", "SEARCH " + table + " USING INTEGER PRIMARY KEY (rowid=?)",
		}
	}
	const space = "USING COVERING INDEX sqlite_autoindex_rollbook_space_1 (tenant=? AND record=? AND key=?)"
	return map[string][]string{
		sqlVerifyRecords: {
			"SEARCH t USING INDEX sqlite_autoindex_rollbook_tenant_1 (name=?)",
			"SEARCH r USING INDEX sqlite_autoindex_rollbook_record_1 (tenant=? AND id>?)",
			"CORRELATED SCALAR SUBQUERY 1", "SEARCH rollbook_space " + space,
		},
		sqlVerifyRecord: {
			"SEARCH t USING INDEX sqlite_autoindex_rollbook_tenant_1 (name=?)",
			"SEARCH r USING INDEX sqlite_autoindex_rollbook_record_1 (tenant=? AND id=?)",
			"CORRELATED SCALAR SUBQUERY 1", "SEARCH rollbook_space " + space,
		},
		sqlVerifyKey:  {"SEARCH s " + space, "SEARCH k USING PRIMARY KEY (space=? AND value=?)"},
		sqlVerifyTerm: {"SEARCH s " + space, "SEARCH p USING PRIMARY KEY (space=? AND value=? AND created=?)"},
		sqlVerifySpaces: {
			"SEARCH rollbook_space USING COVERING INDEX sqlite_autoindex_rollbook_space_1 (tenant=? AND (record,key)>(?,?))",
		},
		sqlVerifyDue: {
			"SCAN CONSTANT ROW", "SCALAR SUBQUERY 3",
			"SEARCH rollbook_record USING COVERING INDEX rollbook_record_due (space=? AND due>?)",
			"SCALAR SUBQUERY 4", "SEARCH rollbook_schedule USING PRIMARY KEY (kind=? AND tenant=?)",
		},
		sqlVerifyKeys:  entries("SEARCH rollbook_key USING PRIMARY KEY (space=? AND value>?)"),
		sqlVerifyTerms: entries("SEARCH rollbook_term USING PRIMARY KEY (space=? AND (value,created)>(?,?))"),
		sqlVerifyFeed: {
			"SEARCH t USING INDEX sqlite_autoindex_rollbook_tenant_1 (name=?)",
			"SEARCH c USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
		},
		sqlLastRevision: { // all records of the tenant
			"SCAN CONSTANT ROW", "SCALAR SUBQUERY 1",
			"SEARCH rollbook_record USING INDEX sqlite_autoindex_rollbook_record_1 (tenant=?)",
			"SCALAR SUBQUERY 2", "SEARCH rollbook_change USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
		},
		sqlOrphanRecords: orphans("SEARCH rollbook_record USING COVERING INDEX sqlite_autoindex_rollbook_record_1 (tenant>?)", "t"),
		sqlOrphanChanges: orphans("SEARCH rollbook_change USING INTEGER PRIMARY KEY (rowid>?)", "t"),
		sqlOrphanKeys:    orphans("SEARCH rollbook_key USING PRIMARY KEY (space>?)", "s"),
		sqlOrphanTerms:   orphans("SEARCH rollbook_term USING PRIMARY KEY (space>?)", "s"),
		sqlOrphanDue: {
			"SEARCH d USING PRIMARY KEY ((kind,tenant)>(?,?))", "CORRELATED SCALAR SUBQUERY 1",
			"SEARCH t USING COVERING INDEX sqlite_autoindex_rollbook_tenant_1 (name=?)", "SEARCH s " + space,
		},
		sqlMendSpace: {"SEARCH rollbook_record USING INTEGER PRIMARY KEY (rowid=?)"},
		sqlTermRow:   {"SEARCH rollbook_term USING PRIMARY KEY (space=? AND value=? AND created=?)"},
	}
}
