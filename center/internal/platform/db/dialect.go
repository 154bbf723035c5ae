package db

import (
	"database/sql"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mattn/go-sqlite3"
	"github.com/uptrace/bun"
)

// Busy tells whether err only says "not now": a locked SQLite file, or a
// PostgreSQL deadlock, serialisation failure or lost connection at start.
func Busy(err error) bool {
	var s sqlite3.Error
	if errors.As(err, &s) {
		return s.Code == sqlite3.ErrBusy || s.Code == sqlite3.ErrLocked
	}
	var p *pgconn.PgError
	if errors.As(err, &p) {
		switch p.Code {
		case "40001", "40P01", "55P03", "57P03":
			return true
		}
	}
	return false
}

// Duplicate tells whether err is a broken unique constraint.
func Duplicate(err error) bool {
	var s sqlite3.Error
	if errors.As(err, &s) {
		return s.ExtendedCode == sqlite3.ErrConstraintUnique || s.ExtendedCode == sqlite3.ErrConstraintPrimaryKey
	}
	var p *pgconn.PgError
	return errors.As(err, &p) && p.Code == "23505"
}

// NoRows tells whether err says that a query found nothing.
func NoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// SkipLocked makes a query of a work list take only rows that no other center
// holds. SQLite has one writer, so there it adds nothing.
func SkipLocked(tx Tx, q *bun.SelectQuery) *bun.SelectQuery {
	if tx.Postgres() {
		return q.For("UPDATE SKIP LOCKED")
	}
	return q
}

// ForUpdate locks the rows that a query reads until the transaction ends.
func ForUpdate(tx Tx, q *bun.SelectQuery) *bun.SelectQuery {
	if tx.Postgres() {
		return q.For("UPDATE")
	}
	return q
}

// Contains gives a LIKE pattern that finds s anywhere; use it as
// Where("col LIKE ? ESCAPE '!'", db.Contains(s)).
func Contains(s string) string { return "%" + Starts(s) }

// Starts gives a LIKE pattern that finds what begins with s.
func Starts(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_", "\x00", "").Replace(s) + "%"
}
