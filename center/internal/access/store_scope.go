package access

import "github.com/uptrace/bun"

// Filter narrows a query to the rows of the scope: the same rule as Covers.
// Column is the SQL name of the region code, for example "o.region_code"; it
// comes from the code, never from input.
func (s Scope) Filter(q *bun.SelectQuery, column string) *bun.SelectQuery {
	if s.All {
		return q
	}
	if len(s.Prefixes) == 0 {
		return q.Where("1 = 0")
	}
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		for _, p := range s.Prefixes {
			if p == "" {
				continue
			}
			// A half-open range can use an index on both databases, where
			// LIKE cannot; digits sort alike in every collation.
			q = q.WhereOr("(? >= ? AND ? < ?)", bun.Safe(column), p, bun.Safe(column), next(p))
		}
		return q.WhereOr("1 = 0")
	})
}

// FilterOwned narrows a query to the rows of the scope and, when the scope
// has it, the person's own rows: the same rule as CoversOwned. Owner is the
// SQL name of the column with the owner's id.
func (s Scope) FilterOwned(q *bun.SelectQuery, column, owner string) *bun.SelectQuery {
	if s.All || len(s.Own) == 0 {
		return s.Filter(q, column)
	}
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		return s.Filter(q, column).WhereOr("? IN (?)", bun.Safe(owner), bun.List(s.Own))
	})
}

// next gives the first code after all codes that begin with p: "3101" has
// "3102". Codes are digits.
func next(p string) string {
	b := []byte(p)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < '9' {
			b[i]++
			return string(b[:i+1])
		}
	}
	return "A" // only nines: letters sort after digits
}
