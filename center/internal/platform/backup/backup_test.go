package backup_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jiexun/center/internal/platform/backup"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/migrations"
)

// fill gives a center rows with every kind of value, and files.
func fill(t *testing.T, d *db.DB, data string) {
	t.Helper()
	err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
		for _, q := range []string{
			`INSERT INTO access_orgs (id, name, kind, region_code, parent_id) VALUES ('O1', '黄浦''区 "局" ?', 'district', '310101', '')`,
			`INSERT INTO access_persons (id, account, name, org_id, password_hash, state, created_at, updated_at) VALUES ('P1', 'a', '甲', 'O1', 'x', 'active', 1764000000123, 9007199254740993)`,
			`CREATE TABLE odd_values (id TEXT PRIMARY KEY, b ` + map[bool]string{true: "BYTEA", false: "BLOB"}[d.Postgres()] + `, f DOUBLE PRECISION, n BIGINT)`,
			`INSERT INTO odd_values VALUES ('1', ` + map[bool]string{true: `'\x00ff10'::bytea`, false: `x'00ff10'`}[d.Postgres()] + `, 0.1234567890123456, NULL), ('2', NULL, 1e300, -5)`,
		} {
			if _, err := tx.NewRaw(q).Exec(ctx); err != nil {
				return fmt.Errorf("%s: %w", q, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"blobs/ab/abc": "picture", "ca/ca.key": "secret", "jiexun.db": "not this", "blobs/partial/x": "nor this"} {
		p := filepath.Join(data, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func opener(b []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

// oddTable stands for tables that no migration makes.
func oddTable(d *db.DB) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := d.SQL().ExecContext(ctx, `CREATE TABLE IF NOT EXISTS odd_values (id TEXT PRIMARY KEY, b `+map[bool]string{true: "BYTEA", false: "BLOB"}[d.Postgres()]+`, f DOUBLE PRECISION, n BIGINT)`)
		return err
	}
}

func TestRoundTrip(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		data := t.TempDir()
		fill(t, d, data)
		var b bytes.Buffer
		m, err := backup.Write(t.Context(), backup.Options{DB: d, Data: data, Migrations: migrations.FS, Passphrase: "一二三四"}, &b)
		if err != nil {
			t.Fatal(err)
		}
		if m.Files() != 2 || m.Rows() < 4 {
			t.Fatalf("the archive has %d files and %d rows", m.Files(), m.Rows())
		}
		if bytes.Contains(b.Bytes(), []byte("secret")) {
			t.Fatal("a sealed archive shows a secret")
		}
		targets := map[string]*db.DB{"sqlite": testkit.SQLite(t, c)}
		if d.Postgres() {
			targets["postgres"] = testkit.Postgres(t, c)
		}
		for name, to := range targets {
			t.Run("to "+name, func(t *testing.T) { restored(t, to, b.Bytes()) })
		}
	})
}

func restored(t *testing.T, d *db.DB, archive []byte) {
	o := backup.Options{DB: d, Data: filepath.Join(t.TempDir(), "data"), Migrations: migrations.FS, Passphrase: "一二三四", Prepare: oddTable(d)}
	if _, err := backup.Restore(t.Context(), o, opener(archive)); err != nil {
		t.Fatal(err)
	}
	var name string
	var updated, n int64
	var f float64
	var raw []byte
	row := d.SQL().QueryRowContext(t.Context(), `SELECT o.name, p.updated_at FROM access_persons p JOIN access_orgs o ON o.id = p.org_id`)
	if err := row.Scan(&name, &updated); err != nil || name != `黄浦'区 "局" ?` || updated != 9007199254740993 {
		t.Fatalf("%q %d %v", name, updated, err)
	}
	row = d.SQL().QueryRowContext(t.Context(), `SELECT a.b, a.f, z.n FROM odd_values a, odd_values z WHERE a.id = '1' AND z.id = '2'`)
	if err := row.Scan(&raw, &f, &n); err != nil || !bytes.Equal(raw, []byte{0, 255, 16}) || f != 0.1234567890123456 || n != -5 {
		t.Fatalf("%x %v %d %v", raw, f, n, err)
	}
	if b, err := os.ReadFile(filepath.Join(o.Data, "ca/ca.key")); err != nil || string(b) != "secret" {
		t.Fatalf("%q %v", b, err)
	}
	_, err := backup.Restore(t.Context(), o, opener(archive))
	if err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Fatalf("a second restore over the first: %v", err)
	}
	o.Data = t.TempDir()
	if _, err = backup.Restore(t.Context(), o, opener(archive)); err == nil || !strings.Contains(err.Error(), "already holds 1 accounts") {
		t.Fatalf("a restore over accounts: %v", err)
	}
}

// Each way of harming an archive is refused before anything is touched.
func TestHarmedArchives(t *testing.T) {
	d := testkit.SQLite(t, clock.NewFake(testkit.Start()))
	data := t.TempDir()
	fill(t, d, data)
	make := func(pass string) []byte {
		var b bytes.Buffer
		if _, err := backup.Write(t.Context(), backup.Options{DB: d, Data: data, Migrations: migrations.FS, Passphrase: pass}, &b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	sealed, plain := make("p"), make("")
	flip := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[at] ^= 1
		return b
	}
	for name, x := range map[string]struct {
		b          []byte
		pass, want string
	}{
		"whole":            {sealed, "p", ""},
		"plain":            {plain, "", ""},
		"wrong passphrase": {sealed, "q", "passphrase is wrong"},
		"no passphrase":    {sealed, "", "is sealed"},
		"flipped byte":     {flip(sealed, len(sealed)/2), "p", "changed"},
		"cut off":          {sealed[:len(sealed)-100], "p", "cut off"},
		"plain, cut off":   {plain[:len(plain)/2], "", ""},
		"something else":   {[]byte("hello, this is no archive"), "", "no archive"},
		"empty":            {nil, "", "no archive"},
	} {
		_, err := backup.Verify(bytes.NewReader(x.b), x.pass)
		if name == "plain, cut off" {
			if err == nil {
				t.Errorf("%s: accepted", name)
			}
			continue
		}
		if x.want == "" && err != nil || x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	to := testkit.SQLite(t, clock.NewFake(testkit.Start()))
	o := backup.Options{DB: to, Data: filepath.Join(t.TempDir(), "d"), Migrations: migrations.FS, Passphrase: "p"}
	if _, err := backup.Restore(t.Context(), o, opener(flip(sealed, len(sealed)/2))); err == nil {
		t.Error("a changed archive was restored")
	}
	if _, err := os.Stat(o.Data); err == nil {
		t.Error("a refused restore left files behind")
	}
}

func FuzzVerify(f *testing.F) {
	d := testkit.SQLite(f, clock.NewFake(testkit.Start()))
	for _, pass := range []string{"", "p"} {
		var b bytes.Buffer
		if _, err := backup.Write(context.Background(), backup.Options{DB: d, Data: f.TempDir(), Migrations: migrations.FS, Passphrase: pass}, &b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 16 && string(b[:6]) == "JXBAK1" {
			return // the passphrase's cost would be all that is tested
		}
		_, _ = backup.Verify(bytes.NewReader(b), "p")
	})
}
