// Package sqlite keeps records in a SQLite file.
package sqlite
