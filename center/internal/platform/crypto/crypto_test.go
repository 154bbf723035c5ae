package crypto_test

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/testkit"
)

func TestKnownAnswers(t *testing.T) {
	if got := crypto.Digest([]byte("abc")); got != "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0" {
		t.Errorf("SM3 = %s", got)
	}
	key, _ := hex.DecodeString("0123456789abcdeffedcba9876543210")
	c, err := sm4.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, 16)
	c.Encrypt(out, key)
	if got := hex.EncodeToString(out); got != "681edf34d206965e86b3e94f536e4246" {
		t.Errorf("SM4 = %s", got)
	}
	m := hmac.New(sm3.New, []byte("key"))
	m.Write([]byte("abc"))
	if got := hex.EncodeToString(m.Sum(nil)); got != "28e63256e7c5a087b1f073265dc53092163f7b82729735d06f28f10af9d52393" {
		t.Errorf("HMAC-SM3 = %s", got)
	}
}

func TestSealedText(t *testing.T) {
	k := crypto.ForTest(t, testkit.SQLite(t, clock.System{}))
	var seen []crypto.Tamper
	k.OnTamper(func(x crypto.Tamper) { seen = append(seen, x) })
	const aad = "access_persons.phone:p1"
	for _, purpose := range []string{"person.phone", "a purpose of its own"} {
		s, err := k.Seal(purpose, "13800000000", aad)
		if err != nil || strings.Contains(s, "138") || !crypto.Sealed(s) {
			t.Fatalf("sealed %q, %v", s, err)
		}
		if again, _ := k.Seal(purpose, "13800000000", aad); again == s {
			t.Error("the same text is sealed the same way twice")
		}
		if plain, err := k.Open(purpose, s, aad); err != nil || plain != "13800000000" {
			t.Fatalf("opened %q, %v", plain, err)
		}
		seen = nil
		for name, try := range map[string]func() (string, error){
			"flipped": func() (string, error) { return k.Open(purpose, flip(s), aad) },
			"moved":   func() (string, error) { return k.Open(purpose, s, "access_persons.phone:p2") },
			"purpose": func() (string, error) { return k.Open("other", s, aad) },
			"cut":     func() (string, error) { return k.Open(purpose, s[:len(s)-8], aad) },
			"plain":   func() (string, error) { return k.Open(purpose, "13800000000", aad) },
		} {
			if got, err := try(); !errors.Is(err, crypto.ErrTampered) || got != "" {
				t.Errorf("%s %s: opened %q, %v", purpose, name, got, err)
			}
		}
		if len(seen) != 5 || seen[0].Where == "" {
			t.Errorf("told of %v", seen)
		}
	}
	if s, err := k.Seal("person.phone", "", aad); s != "" || err != nil {
		t.Errorf("empty text: %q, %v", s, err)
	}
	if p, err := k.OpenOrPlain("person.phone", "13800000000", aad); p != "13800000000" || err != nil {
		t.Errorf("text of before: %q, %v", p, err)
	}
	if _, err := k.Open("person.phone", "sm4:nobody:AAAA", aad); !errors.Is(err, crypto.ErrUnknownKey) {
		t.Errorf("unknown key: %v", err)
	}
}

// flip changes the last character of a text.
func flip(s string) string {
	b := []byte(s)
	i := len(b) - 5
	if b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}

func TestCodes(t *testing.T) {
	k := crypto.ForTest(t, testkit.SQLite(t, clock.System{}))
	mac := k.MAC("grant", "p1", "officer", "310101")
	if !k.CheckMAC("grant", mac, "p1", "officer", "310101") {
		t.Fatal("own code is refused")
	}
	for name, ok := range map[string]bool{
		"part":     k.CheckMAC("grant", mac, "p1", "admin", "310101"),
		"boundary": k.CheckMAC("grant", mac, "p1o", "fficer", "310101"),
		"count":    k.CheckMAC("grant", mac, "p1", "officer", "310101", ""),
		"purpose":  k.CheckMAC("other", mac, "p1", "officer", "310101"),
		"flipped":  k.CheckMAC("grant", flip(mac), "p1", "officer", "310101"),
		"empty":    k.CheckMAC("grant", "", "p1", "officer", "310101"),
		"key":      k.CheckMAC("grant", "hmac:x:00", "p1", "officer", "310101"),
	} {
		if ok {
			t.Errorf("%s: accepted", name)
		}
	}
	if a, b := k.Blind("person.phone", "138"), k.Blind("person.phone", "138"); a != b || len(a) != 64 {
		t.Errorf("blind index %q and %q", a, b)
	}
	if k.Blind("person.phone", "138") == k.Blind("person.idno", "138") || k.Blind("x", "138") == k.Blind("y", "138") {
		t.Error("two purposes have one blind index")
	}
	if k.Blind("person.phone", "") != "" {
		t.Error("the empty text has a blind index")
	}
}

func TestSignatures(t *testing.T) {
	c := clock.NewFake(testkit.Start())
	k := crypto.ForTest(t, testkit.SQLite(t, c))
	data := []byte("决定书正文")
	for _, purpose := range []string{"document", "of no list"} {
		s, err := k.Sign(purpose, data)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Verify(s, data); err != nil {
			t.Fatalf("%s: %v", purpose, err)
		}
		if err := crypto.VerifyWithCert(s.Cert, s, crypto.Digest(data)); err != nil {
			t.Fatalf("%s by certificate: %v", purpose, err)
		}
		for name, change := range map[string]func(*crypto.Signature, *[]byte){
			"byte":    func(_ *crypto.Signature, d *[]byte) { (*d)[3] ^= 1 },
			"time":    func(s *crypto.Signature, _ *[]byte) { s.At += 1000 },
			"purpose": func(s *crypto.Signature, _ *[]byte) { s.Purpose = "evidence" },
			"value":   func(s *crypto.Signature, _ *[]byte) { s.Value = "AAAA" + s.Value[4:] },
			"key":     func(s *crypto.Signature, _ *[]byte) { s.KeyID = "nobody" },
			"alg":     func(s *crypto.Signature, _ *[]byte) { s.Alg = "none" },
		} {
			x, d := s, append([]byte{}, data...)
			change(&x, &d)
			if err := k.Verify(x, d); err == nil {
				t.Errorf("%s: a changed %s is accepted", purpose, name)
			}
		}
	}
}

func TestMasterKey(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		dir := t.TempDir()
		open := func(o crypto.Options) (*crypto.Keys, error) { return crypto.Open(t.Context(), d, o) }
		k, err := open(crypto.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, crypto.MasterFile)
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
			t.Fatalf("master key's file: %v, %v", st, err)
		}
		sealed, err := k.Seal("totp", "secret", "x:1")
		if err != nil {
			t.Fatal(err)
		}
		again, err := open(crypto.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if p, err := again.Open("totp", sealed, "x:1"); err != nil || p != "secret" {
			t.Fatalf("after a new start: %q, %v", p, err)
		}
		if n := len(again.List()); n != len(k.List()) {
			t.Errorf("%d keys after a new start, %d before", n, len(k.List()))
		}
		// Another master key, a lost one, an open one.
		if _, err := open(crypto.Options{Getenv: func(n string) string {
			if n == crypto.EnvMaster {
				return strings.Repeat("ab", 16)
			}
			return ""
		}}); !errors.Is(err, crypto.ErrTampered) {
			t.Errorf("another master key: %v", err)
		}
		if _, err := open(crypto.Options{Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "missing") {
			t.Errorf("lost master key: %v", err)
		}
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := open(crypto.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("readable master key: %v", err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		// One changed byte of one key's row.
		if _, err := d.SQL().Exec("UPDATE crypto_keys SET purpose = 'x' WHERE purpose = 'totp'"); err != nil {
			t.Fatal(err)
		}
		if _, err := open(crypto.Options{Dir: dir}); !errors.Is(err, crypto.ErrTampered) {
			t.Errorf("changed row of a key: %v", err)
		}
	})
}

// Two centers that start at once on an empty database use the same keys.
func TestTwoCentersStart(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		keys := make([]*crypto.Keys, 4)
		var wg sync.WaitGroup
		for i := range keys {
			wg.Go(func() { keys[i] = crypto.ForTest(t, d) })
		}
		wg.Wait()
		s, err := keys[0].Seal("totp", "x", "a:1")
		if err != nil {
			t.Fatal(err)
		}
		sig, err := keys[1].Sign("document", []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			if _, err := k.Open("totp", s, "a:1"); err != nil {
				t.Error(err)
			}
			if err := k.Verify(sig, []byte("x")); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestRotation(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		if _, err := d.SQL().Exec("CREATE TABLE drill_people (id TEXT PRIMARY KEY, phone TEXT NOT NULL, blind TEXT NOT NULL)"); err != nil {
			t.Fatal(err)
		}
		k, other := crypto.ForTest(t, d), crypto.ForTest(t, d)
		col := crypto.Column{Purpose: "person.phone", Table: "drill_people", ID: "id", Column: "phone", Blind: "blind"}
		k.Guard(col)
		const n = 450
		phone := func(i int) string {
			return "1380000" + time.UnixMilli(int64(i)).UTC().Format("0504.000")[0:4] + string(rune('0'+i%10))
		}
		id := func(i int) string {
			return "p" + string(rune('a'+i/26%26)) + string(rune('a'+i%26)) + string(rune('a'+i/676))
		}
		put := func(i int, text string) {
			if _, err := d.SQL().Exec("INSERT INTO drill_people VALUES ('" + id(i) + "', '" + text + "', '')"); err != nil {
				t.Fatal(err)
			}
		}
		for i := range n {
			text := phone(i) // every third was stored before encryption
			if i%3 != 0 {
				s, err := k.Seal("person.phone", phone(i), "drill_people.phone:"+id(i))
				if err != nil {
					t.Fatal(err)
				}
				text = s
			}
			put(i, text)
		}
		got, err := k.Rotate(t.Context(), crypto.KindSeal, "person.phone")
		if err != nil || got.Version != 2 || got.State != "active" {
			t.Fatalf("rotated to %+v, %v", got, err)
		}
		if p, err := k.Pending(t.Context()); err != nil || p["drill_people.phone"] != n {
			t.Fatalf("pending %v, %v", p, err)
		}
		// It is stopped in the middle, and goes on.
		ctx, stop := context.WithCancel(t.Context())
		r, err := k.Rewrap(ctx, "person.phone", func(_ string, done, _ int64) {
			if done >= 200 {
				stop()
			}
		})
		if err == nil || r.Done == 0 || r.Done >= n {
			t.Fatalf("stopped run did %d, %v", r.Done, err)
		}
		// One row is broken meanwhile: it is left, and told of.
		if _, err := d.SQL().Exec("UPDATE drill_people SET phone = 'sm4:" + k.List()[0].ID + ":AAAA' WHERE id = '" + id(n-1) + "'"); err != nil {
			t.Fatal(err)
		}
		rest, err := k.Rewrap(t.Context(), "", nil)
		if err != nil || rest.Left != 1 || r.Done+rest.Done != n-1 {
			t.Fatalf("did %d and %+v, %v", r.Done, rest, err)
		}
		active := ""
		for _, x := range k.List() {
			if x.Purpose == "person.phone" && x.Kind == crypto.KindSeal && x.State == "active" {
				active = x.ID
			}
		}
		rows, err := d.SQL().Query("SELECT id, phone, blind FROM drill_people ORDER BY id")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		seen := 0
		for rows.Next() {
			var rid, text, blind string
			if err := rows.Scan(&rid, &text, &blind); err != nil {
				t.Fatal(err)
			}
			if rid == id(n-1) {
				continue
			}
			seen++
			// The other center has not heard of the rotation yet.
			p, err := other.Open("person.phone", text, "drill_people.phone:"+rid)
			if err != nil || !strings.HasPrefix(text, "sm4:"+active+":") || blind != k.Blind("person.phone", p) {
				t.Fatalf("row %s: %q under %s, blind %q, %v", rid, p, text[:40], blind, err)
			}
		}
		if seen != n-1 || rows.Err() != nil {
			t.Errorf("%d rows, %v", seen, rows.Err())
		}
		if _, err := k.Rotate(t.Context(), crypto.KindSeal, "nothing"); !errors.Is(err, crypto.ErrUnknownKey) {
			t.Errorf("rotated a purpose without a key: %v", err)
		}
	})
}
