package crypto_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/testkit"
)

func TestRelease(t *testing.T) {
	now := testkit.Start()
	key, cert, err := crypto.ReleaseKey("发布", now)
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := crypto.CertDigest(cert)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, b []byte) {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, b, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write("center", bytes.Repeat([]byte("program"), 100))
	write("share/model.onnx", []byte("weights"))
	r, err := crypto.SignRelease(dir, "1.2", key, cert, now.Add(time.Hour))
	if err != nil || len(r.Files) != 2 {
		t.Fatalf("signed %+v, %v", r, err)
	}
	manifest, program := filepath.Join(dir, crypto.ReleaseName), filepath.Join(dir, "center")
	if _, err := crypto.CheckRelease(manifest, trusted, program); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(name, says string) {
		t.Helper()
		_, err := crypto.CheckRelease(manifest, trusted, program)
		if !errors.Is(err, crypto.ErrTampered) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := bytes.Repeat([]byte("program"), 100)
	b[333] ^= 1
	write("center", b)
	refused("one flipped byte", "center")
	b[333] ^= 1
	write("center", b)
	if err := os.Rename(filepath.Join(dir, "share", "model.onnx"), filepath.Join(dir, "share", "x")); err != nil {
		t.Fatal(err)
	}
	refused("missing file", "share/model.onnx")
	if err := os.Rename(filepath.Join(dir, "share", "x"), filepath.Join(dir, "share", "model.onnx")); err != nil {
		t.Fatal(err)
	}
	write(crypto.ReleaseName, bytes.Replace(whole, []byte(`"1.2"`), []byte(`"1.3"`), 1))
	refused("changed manifest", "manifest")
	write(crypto.ReleaseName, whole)
	if _, err := crypto.CheckRelease(manifest, trusted, filepath.Join(dir, "other")); err == nil || !strings.Contains(err.Error(), "other") {
		t.Errorf("a program that is not listed: %v", err)
	}
	// A whole release of another signer.
	key2, cert2, err := crypto.ReleaseKey("别人", now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := crypto.SignRelease(dir, "1.2", key2, cert2, now); err != nil {
		t.Fatal(err)
	}
	refused("another signer", "trusted")
	if _, err := crypto.SignRelease(dir, "1.2", key, cert2, now); err == nil {
		t.Error("signed with a key that the certificate does not hold")
	}
}

func TestKeyBackup(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		k := crypto.ForTest(t, d)
		sealed, err := k.Seal("person.phone", "138", "a:1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Backup("short"); err == nil {
			t.Error("backed up under a short passphrase")
		}
		b, err := k.Backup("a passphrase of length")
		if err != nil {
			t.Fatal(err)
		}
		// The master key is lost; a new one takes the keys.
		dir := crypto.Options{Dir: t.TempDir()}
		if _, err := crypto.Restore(t.Context(), d, dir, b, "another passphrase"); !errors.Is(err, crypto.ErrPassphrase) {
			t.Errorf("wrong passphrase: %v", err)
		}
		n, err := crypto.Restore(t.Context(), d, dir, b, "a passphrase of length")
		if err != nil || n != len(k.List()) {
			t.Fatalf("restored %d, %v", n, err)
		}
		again, err := crypto.Open(t.Context(), d, dir)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := again.Open("person.phone", sealed, "a:1"); err != nil || p != "138" {
			t.Errorf("after the restore: %q, %v", p, err)
		}
		i := bytes.LastIndexByte(b, '"') - 9
		b[i] ^= 1
		if _, err := crypto.Restore(t.Context(), d, dir, b, "a passphrase of length"); err == nil {
			t.Error("restored a changed backup")
		}
	})
}

func TestBackupOfAnotherCenter(t *testing.T) {
	k := crypto.ForTest(t, testkit.SQLite(t, clock.System{}))
	b, err := k.Backup("a passphrase of length")
	if err != nil {
		t.Fatal(err)
	}
	d := testkit.SQLite(t, clock.System{})
	o := crypto.Options{Dir: t.TempDir()}
	if _, err := crypto.Open(t.Context(), d, o); err != nil {
		t.Fatal(err)
	}
	if _, err := crypto.Restore(t.Context(), d, o, b, "a passphrase of length"); err == nil || !strings.Contains(err.Error(), "other keys") {
		t.Errorf("restored over other keys: %v", err)
	}
}

func TestSignedRecords(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		k := crypto.ForTest(t, d)
		data := []byte("picture")
		sign := func() {
			err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
				return k.SignRecord(ctx, tx, "evidence", crypto.Signed{Object: "alert", ObjectID: "a1", Name: "现场图", SM3: crypto.Digest(data), SignerName: "演示"})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		sign()
		sign() // again: one signature
		list, err := k.SignedBy(t.Context(), crypto.Digest(data))
		if err != nil || len(list) != 1 {
			t.Fatalf("%v, %v", list, err)
		}
		if err := k.Verify(list[0].Signature, data); err != nil || !strings.Contains(list[0].Cert, "CERTIFICATE") {
			t.Errorf("kept signature: %v", err)
		}
		data[0] ^= 1
		if err := k.Verify(list[0].Signature, data); !errors.Is(err, crypto.ErrTampered) {
			t.Errorf("changed file: %v", err)
		}
		if _, err := d.SQL().Exec("UPDATE crypto_signatures SET signed_at = signed_at + 1"); err != nil {
			t.Fatal(err)
		}
		data[0] ^= 1
		list, err = k.SignedOf(t.Context(), "alert", "a1")
		if err != nil || len(list) != 1 || k.Verify(list[0].Signature, data) == nil {
			t.Errorf("changed time of signing is accepted: %v", err)
		}
	})
}

// A key service holds the master key: the center starts with it, and fails
// with a plain word when it is away or refuses.
func TestKeyService(t *testing.T) {
	m, err := crypto.LocalMaster([]byte("0123456789abcdef"), "service")
	if err != nil {
		t.Fatal(err)
	}
	type call struct {
		KeyID, AAD            string
		Plaintext, Ciphertext []byte
	}
	up := true
	calls := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in, out call
		calls++
		if !up || r.Header.Get("Authorization") != "Bearer geheim" || json.NewDecoder(r.Body).Decode(&in) != nil || in.KeyID != "kek-1" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var err error
		if r.URL.Path == "/v1/wrap" {
			out.Ciphertext, err = m.Wrap(in.Plaintext, in.AAD)
		} else {
			out.Plaintext, err = m.Unwrap(in.Ciphertext, in.AAD)
		}
		if err != nil {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string][]byte{"ciphertext": out.Ciphertext, "plaintext": out.Plaintext})
	}))
	defer srv.Close()
	d := testkit.SQLite(t, clock.System{})
	o := crypto.Options{Getenv: func(n string) string {
		return map[string]string{crypto.EnvKMS: srv.URL + "/v1", crypto.EnvKMSToken: "geheim", crypto.EnvKMSKey: "kek-1"}[n]
	}}
	k, err := crypto.Open(t.Context(), d, o)
	if err != nil {
		t.Fatal(err)
	}
	before := calls
	s, err := k.Seal("totp", "x", "a:1")
	if err != nil || calls != before {
		t.Fatalf("sealing called the service %d times, %v", calls-before, err)
	}
	again, err := crypto.Open(t.Context(), d, o)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := again.Open("totp", s, "a:1"); err != nil || p != "x" {
		t.Errorf("%q, %v", p, err)
	}
	up = false
	if _, err := crypto.Open(t.Context(), d, o); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("service away: %v", err)
	}
	up = true
	if _, err := d.SQL().Exec("UPDATE crypto_keys SET wrapped = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' WHERE purpose = 'totp'"); err != nil {
		t.Fatal(err)
	}
	if _, err := crypto.Open(t.Context(), d, o); !errors.Is(err, crypto.ErrTampered) {
		t.Errorf("changed wrapped key: %v", err)
	}
}

func FuzzSealed(f *testing.F) {
	k := crypto.ForTest(f, testkit.SQLite(f, clock.System{}))
	s, err := k.Seal("totp", "x", "a:1")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s)
	f.Add("sm4::")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := k.Open("totp", text, "a:1"); err == nil && text != "" && text != s && p != "x" {
			t.Errorf("opened %q", text)
		}
		if k.CheckMAC("grant", text, "a") {
			t.Errorf("accepted code %q", text)
		}
	})
}

func FuzzRelease(f *testing.F) {
	f.Add([]byte(`{"format":1,"version":"1","files":[{"path":"a","size":1,"sm3":"` + strings.Repeat("a", 64) + `"}],"signature":{"at":"2026-11-24T06:30:56.000Z"}}`))
	f.Add([]byte(`{"format":1,"files":[{"path":"../a"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := crypto.ParseRelease(b)
		if err != nil {
			return
		}
		for _, x := range r.Files {
			if strings.Contains(x.Path, "..") && (strings.HasPrefix(x.Path, "../") || x.Path == "..") || filepath.IsAbs(x.Path) {
				t.Errorf("accepted path %q", x.Path)
			}
		}
	})
}

func FuzzSignature(f *testing.F) {
	k := crypto.ForTest(f, testkit.SQLite(f, clock.System{}))
	s, err := k.Sign("document", []byte("x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.Value, s.Cert, s.Alg)
	f.Add("MAA=", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "SM2-SM3")
	f.Fuzz(func(t *testing.T, value, cert, alg string) {
		x := s
		x.Value, x.Cert, x.Alg = value, cert, alg
		if err := k.Verify(x, []byte("y")); err == nil {
			t.Error("accepted a signature over other data")
		}
		if err := crypto.VerifyWithCert(cert, x, crypto.Digest([]byte("y"))); err == nil && cert == s.Cert {
			t.Error("accepted by certificate")
		}
	})
}
