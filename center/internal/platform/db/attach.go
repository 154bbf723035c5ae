package db

// Attach gives the database a companion, such as the keys of the audit chain,
// that packages find again from each transaction. The owner of the database
// does it at start; key is a type of the package that looks for it.
func (d *DB) Attach(key, value any) { d.with.Store(key, value) }

// Attached gives what Attach gave, or nil.
func (d *DB) Attached(key any) any {
	v, _ := d.with.Load(key)
	return v
}

// Attached gives a companion of the transaction's database, or nil.
func (t Tx) Attached(key any) any { return t.state.db.Attached(key) }
