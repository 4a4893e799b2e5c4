// Package backend has what the stores on databases have in common: reports to an observer, the
// form in which a record's keys are stored, numbered migrations, how a page of Due is filled, and
// which creates are worth a read first.
package backend
