package crypto

import (
	"bytes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
	tjsm2 "github.com/tjfoc/gmsm/sm2"
	tjsm3 "github.com/tjfoc/gmsm/sm3"
	tjsm4 "github.com/tjfoc/gmsm/sm4"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/testkit"
)

// material gives the bytes of the key that serves a purpose.
func material(t *testing.T, k *Keys, kind Kind, purpose string) []byte {
	t.Helper()
	x, err := k.forUse(kind, purpose)
	if err != nil {
		t.Fatal(err)
	}
	b, err := k.p.(Exporter).Export(x.h)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func openssl(t *testing.T, in []byte, args ...string) ([]byte, error) {
	t.Helper()
	c := exec.Command("openssl", args...)
	c.Stdin = bytes.NewReader(in)
	var out, msg bytes.Buffer
	c.Stdout, c.Stderr = &out, &msg
	err := c.Run()
	if err != nil {
		t.Logf("openssl %s: %v %s %s", strings.Join(args, " "), err, out.String(), msg.String())
	}
	return out.Bytes(), err
}

// OpenSSL checks our SM2 signature with the certificate that comes along, and
// refuses it over a changed message.
func TestOpenSSLVerifiesOurSignature(t *testing.T) {
	k := ForTest(t, testkit.SQLite(t, clock.System{}))
	data := []byte("行政处罚决定书")
	s, err := k.Sign("document", data)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	value, err := base64.StdEncoding.DecodeString(s.Value)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := openssl(t, []byte(s.Cert), "x509", "-pubkey", "-noout")
	if err != nil {
		t.Fatal(err)
	}
	key, sig := write("pub.pem", pub), write("sig", value)
	check := func(msg string) error {
		_, err := openssl(t, nil, "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-digest", "sm3",
			"-pkeyopt", "distid:1234567812345678", "-sigfile", sig, "-in", msg)
		return err
	}
	m := s.Message(Digest(data))
	if err := check(write("msg", m)); err != nil {
		t.Fatal("OpenSSL refuses our signature")
	}
	m[30] ^= 1
	if err := check(write("changed", m)); err == nil {
		t.Error("OpenSSL accepts a changed message")
	}
	// The digest in the message is OpenSSL's too.
	out, err := openssl(t, data, "dgst", "-sm3")
	if err != nil || !strings.Contains(string(out), Digest(data)) {
		t.Errorf("OpenSSL's SM3 is %s", out)
	}
	// The authority's certificate and the signer's make a chain.
	ca := write("ca.pem", []byte(k.current(KindSign, "ca").Cert))
	leaf := write("leaf.pem", []byte(s.Cert))
	if _, err := openssl(t, nil, "verify", "-vfyopt", "distid:1234567812345678", "-CAfile", ca, leaf); err != nil {
		t.Error("OpenSSL does not accept the chain")
	}
}

// We check what OpenSSL signs.
func TestWeVerifyOpenSSL(t *testing.T) {
	dir := t.TempDir()
	key, msg, sig := filepath.Join(dir, "k.pem"), filepath.Join(dir, "m"), filepath.Join(dir, "s")
	if _, err := openssl(t, nil, "genpkey", "-algorithm", "SM2", "-out", key); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(msg, []byte("由 OpenSSL 签名"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openssl(t, nil, "pkeyutl", "-sign", "-inkey", key, "-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678", "-in", msg, "-out", sig); err != nil {
		t.Fatal(err)
	}
	der, err := openssl(t, nil, "pkey", "-in", key, "-pubout", "-outform", "DER")
	if err != nil {
		t.Fatal(err)
	}
	raw := der[len(der)-64:] // the point without its leading 04
	pub := tjsm2.PublicKey{Curve: tjsm2.P256Sm2(), X: new(big.Int).SetBytes(raw[:32]), Y: new(big.Int).SetBytes(raw[32:])}
	value, err := os.ReadFile(sig)
	if err != nil {
		t.Fatal(err)
	}
	own, err := publicKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	e, err := sm2Digest(own, []byte("由 OpenSSL 签名"))
	if err != nil || !sm2.VerifyASN1(own, e, value) {
		t.Error("we refuse OpenSSL's signature")
	}
	if !pub.Verify([]byte("由 OpenSSL 签名"), value) {
		t.Error("the reference refuses OpenSSL's signature")
	}
}

// OpenSSL's command has no SM4-GCM; the text of a GCM is SM4-CTR that starts
// at counter 2, which it has.
func TestOpenSSLDecryptsOurColumn(t *testing.T) {
	k := ForTest(t, testkit.SQLite(t, clock.System{}))
	const plain, aad = "13800000000", "access_persons.phone:p1"
	s, err := k.Seal("person.phone", plain, aad)
	if err != nil {
		t.Fatal(err)
	}
	_, body, err := ParseSealed(s)
	if err != nil {
		t.Fatal(err)
	}
	key := material(t, k, KindSeal, "person.phone")
	iv := hex.EncodeToString(body[:12]) + "00000002"
	out, err := openssl(t, body[12:len(body)-16], "enc", "-d", "-sm4-ctr", "-nopad", "-K", hex.EncodeToString(key), "-iv", iv)
	if err != nil || string(out) != plain {
		t.Errorf("OpenSSL reads %q, %v", out, err)
	}
	// And both CBC ways with a text of our own.
	block, err := sm4.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	text, ivb := []byte("sixteen bytes..."), make([]byte, 16)
	ct := make([]byte, 16)
	cipher.NewCBCEncrypter(block, ivb).CryptBlocks(ct, text)
	out, err = openssl(t, ct, "enc", "-d", "-sm4-cbc", "-nopad", "-K", hex.EncodeToString(key), "-iv", hex.EncodeToString(ivb))
	if err != nil || !bytes.Equal(out, text) {
		t.Errorf("OpenSSL reads %q, %v", out, err)
	}
	out, err = openssl(t, text, "enc", "-e", "-sm4-cbc", "-nopad", "-K", hex.EncodeToString(key), "-iv", hex.EncodeToString(ivb))
	if err != nil || !bytes.Equal(out, ct) {
		t.Errorf("OpenSSL writes %x, we write %x, %v", out, ct, err)
	}
}

// The reference implementation agrees in all four algorithms, both ways.
func TestReferenceAgrees(t *testing.T) {
	k := ForTest(t, testkit.SQLite(t, clock.System{}))
	key := material(t, k, KindSeal, "person.phone")
	ref, err := tjsm4.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	g, err := cipher.NewGCM(ref)
	if err != nil {
		t.Fatal(err)
	}
	s, err := k.Seal("person.phone", "甲", "a.b:1")
	if err != nil {
		t.Fatal(err)
	}
	_, body, err := ParseSealed(s)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := g.Open(nil, body[:12], body[12:], sealAAD("person.phone", "a.b:1")); err != nil || string(p) != "甲" {
		t.Errorf("reference reads %q, %v", p, err)
	}
	theirs, err := sealWith(g, []byte("乙"), sealAAD("person.phone", "a.b:1"))
	if err != nil {
		t.Fatal(err)
	}
	id, _, _ := ParseSealed(s)
	if p, err := k.Open("person.phone", "sm4:"+id+":"+base64.RawStdEncoding.EncodeToString(theirs), "a.b:1"); err != nil || p != "乙" {
		t.Errorf("we read %q, %v", p, err)
	}
	for _, n := range []int{0, 1, 55, 56, 64, 1000} {
		data := make([]byte, n)
		_, _ = rand.Read(data)
		if a := sm3.Sum(data); !bytes.Equal(a[:], tjsm3.Sm3Sum(data)) {
			t.Errorf("SM3 of %d bytes differs", n)
		}
		x, y := hmac.New(sm3.New, key), hmac.New(tjsm3.New, key)
		x.Write(data)
		y.Write(data)
		if !hmac.Equal(x.Sum(nil), y.Sum(nil)) {
			t.Errorf("HMAC-SM3 of %d bytes differs", n)
		}
	}
	d := material(t, k, KindSign, "document")
	sig, err := k.Sign("document", []byte("文书"))
	if err != nil {
		t.Fatal(err)
	}
	msg := sig.Message(Digest([]byte("文书")))
	priv := &tjsm2.PrivateKey{D: new(big.Int).SetBytes(d)}
	priv.Curve = tjsm2.P256Sm2()
	priv.X, priv.Y = priv.ScalarBaseMult(d)
	value, _ := base64.StdEncoding.DecodeString(sig.Value)
	if !priv.Verify(msg, value) {
		t.Error("the reference refuses our signature")
	}
	back, err := priv.Sign(rand.Reader, msg, nil)
	if err != nil {
		t.Fatal(err)
	}
	sig.Value = base64.StdEncoding.EncodeToString(back)
	if err := k.Verify(sig, []byte("文书")); err != nil {
		t.Errorf("we refuse the reference's signature: %v", err)
	}
}
