package crypto_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/testkit"
)

// benchRows is how many people the lookup table holds.
const benchRows = 1_000_000

// BenchmarkLookup finds one person of a million by a phone number: by a plain
// index, and by the blind index of a sealed column, its code reckoned each
// time. Run it with -benchtime 1000000x.
func BenchmarkLookup(b *testing.B) {
	d := testkit.SQLite(b, clock.System{})
	k := crypto.ForTest(b, d)
	phone := func(i int) string { return fmt.Sprintf("138%08d", i) }
	if _, err := d.SQL().Exec("CREATE TABLE bench_people (id INTEGER PRIMARY KEY, phone TEXT NOT NULL, blind TEXT NOT NULL)"); err != nil {
		b.Fatal(err)
	}
	tx, err := d.SQL().Begin()
	if err != nil {
		b.Fatal(err)
	}
	ins, err := tx.Prepare("INSERT INTO bench_people VALUES (?, ?, ?)")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = ins.Close() }() // with its transaction
	for i := range benchRows {
		if _, err := ins.Exec(i, phone(i), k.Blind("person.phone", phone(i))); err != nil {
			b.Fatal(err)
		}
	}
	for _, q := range []string{"CREATE UNIQUE INDEX bench_plain ON bench_people (phone)", "CREATE UNIQUE INDEX bench_blind ON bench_people (blind)"} {
		if _, err := tx.Exec(q); err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name, column string
		value        func(i int) string
	}{
		{"plain", "phone", phone},
		{"blind", "blind", func(i int) string { return k.Blind("person.phone", phone(i)) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			st, err := d.SQL().PrepareContext(context.Background(), "SELECT id FROM bench_people WHERE "+c.column+" = ?")
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = st.Close() }() // after the measurement
			b.ResetTimer()
			for n := range b.N {
				i := n * 7919 % benchRows
				var id int
				if err := st.QueryRow(c.value(i)).Scan(&id); err != nil && err != sql.ErrNoRows || id != i {
					b.Fatal(id, err)
				}
			}
			b.StopTimer()
		})
	}
}

// BenchmarkKeys measures the calls of the hot paths.
func BenchmarkKeys(b *testing.B) {
	k := crypto.ForTest(b, testkit.SQLite(b, clock.System{}))
	const place = "access_persons.phone:01K00000000000000000000000"
	sealed, err := k.Seal("person.phone", "13800000000", place)
	if err != nil {
		b.Fatal(err)
	}
	sig, err := k.Sign("evidence", []byte("x"))
	if err != nil {
		b.Fatal(err)
	}
	mac := k.MAC("grant", "p1", "officer", "310101")
	for name, f := range map[string]func() error{
		"Seal":     func() error { _, err := k.Seal("person.phone", "13800000000", place); return err },
		"Open":     func() error { _, err := k.Open("person.phone", sealed, place); return err },
		"Blind":    func() error { k.Blind("person.phone", "13800000000"); return nil },
		"CheckMAC": func() error { k.CheckMAC("grant", mac, "p1", "officer", "310101"); return nil },
		"Sign":     func() error { _, err := k.Sign("evidence", []byte("x")); return err },
		"Verify":   func() error { return k.Verify(sig, []byte("x")) },
	} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
