package workflow

import "github.com/uptrace/bun"

// reader is a transaction, or the connection for queries outside of one.
type reader = bun.IDB
