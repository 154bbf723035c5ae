package crypto

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/smx509"

	"jiexun/center/internal/platform/clock"
)

// AlgSM2 is the algorithm of all signatures: SM2 with SM3 over the user id
// 1234567812345678, as ASN.1.
const AlgSM2 = "SM2-SM3"

// Validity of the center's own certificates.
const (
	caYears   = 20
	certYears = 10
)

// Signature is a signature with all that is needed to check it elsewhere.
// What is signed is Message: a few lines of text with the purpose, the time
// and the SM3 digest of the data, so that the time cannot be changed and a
// signature for one purpose is none for another. Who holds the data can build
// the message and check Value with OpenSSL.
type Signature struct {
	KeyID   string      `json:"keyId"`
	Alg     string      `json:"alg"`
	Purpose string      `json:"purpose"`
	Value   string      `json:"value"` // base64 of ASN.1
	At      clock.Stamp `json:"at"`
	Cert    string      `json:"cert"` // PEM
}

// Message gives the bytes that the signature covers, of the data's SM3 in hex.
func (s Signature) Message(digest string) []byte {
	return fmt.Appendf(nil, "jiexun signature 1\npurpose: %s\ntime: %s\nsm3: %s\n", s.Purpose, s.At, digest)
}

// Digest is the SM3 of data in hex.
func Digest(data []byte) string {
	sum := sm3.Sum(data)
	return hex.EncodeToString(sum[:])
}

// Sign signs data for a purpose.
func (k *Keys) Sign(purpose string, data []byte) (Signature, error) {
	return k.SignDigest(purpose, Digest(data))
}

// SignDigest signs data of which only the SM3 (hex) is at hand, such as a
// large file.
func (k *Keys) SignDigest(purpose, digest string) (Signature, error) {
	if !isDigest(digest) {
		return Signature{}, fmt.Errorf("sign %s: digest must be 64 hexadecimal digits in lower case", purpose)
	}
	if strings.ContainsAny(purpose, "\r\n") {
		return Signature{}, errors.New("sign: a purpose is one line")
	}
	x, err := k.forUse(KindSign, purpose)
	if err != nil {
		return Signature{}, fmt.Errorf("sign %s: %w", purpose, err)
	}
	s := Signature{KeyID: x.ID, Alg: AlgSM2, Purpose: purpose, At: clock.At(k.d.Now()), Cert: x.Cert}
	e, err := sm2Digest(x.pub, s.Message(digest))
	if err != nil {
		return Signature{}, fmt.Errorf("sign %s: %w", purpose, err)
	}
	v, err := k.p.SignDigest(x.h, e)
	if err != nil {
		return Signature{}, fmt.Errorf("sign %s: %w", purpose, err)
	}
	s.Value = base64.StdEncoding.EncodeToString(v)
	return s, nil
}

// Verify checks a signature of this center over data.
func (k *Keys) Verify(s Signature, data []byte) error { return k.VerifyDigest(s, Digest(data)) }

// VerifyDigest checks a signature of this center over data with the given
// SM3. It trusts the table of keys, not the certificate that comes along.
func (k *Keys) VerifyDigest(s Signature, digest string) error {
	x, err := k.known(KindSign, s.KeyID)
	if err != nil {
		return fmt.Errorf("check signature: %w", err)
	}
	if x.Purpose != s.Purpose && x.Purpose != general { // general serves purposes without keys of their own
		return fmt.Errorf("check signature: %w: key %s does not sign for %s", ErrTampered, s.KeyID, s.Purpose)
	}
	return verify(x.pub, s, digest)
}

func verify(pub *ecdsa.PublicKey, s Signature, digest string) error {
	if s.Alg != AlgSM2 {
		return fmt.Errorf("check signature: algorithm %.20q is not %s", s.Alg, AlgSM2)
	}
	v, err := base64.StdEncoding.DecodeString(s.Value)
	if err != nil {
		return fmt.Errorf("check signature: %w: value is not base64", ErrTampered)
	}
	if !isDigest(digest) {
		return errors.New("check signature: digest must be 64 hexadecimal digits in lower case")
	}
	e, err := sm2Digest(pub, s.Message(digest))
	if err != nil {
		return fmt.Errorf("check signature: %w", err)
	}
	if !sm2.VerifyASN1(pub, e, v) {
		return fmt.Errorf("check signature: %w: the content is not what was signed", ErrTampered)
	}
	return nil
}

// VerifyWithCert checks a signature by a certificate that the caller trusts.
func VerifyWithCert(certPEM string, s Signature, digest string) error {
	c, err := smx509.ParseCertificatePEM([]byte(certPEM))
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	pub, ok := c.PublicKey.(*ecdsa.PublicKey)
	if !ok || !sm2.IsSM2PublicKey(pub) {
		return errors.New("read certificate: it holds no SM2 key")
	}
	if at := s.At.Time(); at.Before(c.NotBefore) || at.After(c.NotAfter) {
		return fmt.Errorf("check signature: signed at %s, outside the certificate's time", s.At)
	}
	return verify(pub, s, digest)
}

func isDigest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sm3.Size && strings.ToLower(s) == s
}

// sm2Digest is the digest that SM2 signs: SM3 of Z (user id and public key)
// and the message.
func sm2Digest(pub *ecdsa.PublicKey, msg []byte) ([]byte, error) {
	z, err := sm2.CalculateZA(pub, []byte("1234567812345678"))
	if err != nil {
		return nil, err
	}
	h := sm3.New()
	_, _ = h.Write(z) // a hash never fails
	_, _ = h.Write(msg)
	return h.Sum(nil), nil
}

// signer is a key of the provider as certificates want it.
type signer struct {
	p   Provider
	h   Handle
	pub *ecdsa.PublicKey
}

// Public implements crypto.Signer.
func (s *signer) Public() crypto.PublicKey { return s.pub }

// Sign implements crypto.Signer for SM2: what is given is the message.
func (s *signer) Sign(_ io.Reader, msg []byte, _ crypto.SignerOpts) ([]byte, error) {
	e, err := sm2Digest(s.pub, msg)
	if err != nil {
		return nil, err
	}
	return s.p.SignDigest(s.h, e)
}

// certify makes the certificate of a new signing key: the authority's own is
// signed by itself, the others by the authority.
func (k *Keys) certify(h Handle, r keyRow) (string, error) {
	pub, err := k.p.PublicKey(h)
	if err != nil {
		return "", err
	}
	serial, err := k.p.Random(16)
	if err != nil {
		return "", err
	}
	serial[0] &= 0x7f
	from := r.CreatedAt.Time()
	t := &smx509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), NotBefore: from.Add(-time.Minute), NotAfter: from.AddDate(certYears, 0, 0),
		Subject:  pkix.Name{CommonName: "街巡 " + r.Purpose, Organization: []string{"街巡"}, SerialNumber: r.ID},
		KeyUsage: smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment, BasicConstraintsValid: true,
	}
	parent, by := t, &signer{k.p, h, pub}
	if r.Purpose == "ca" {
		t.IsCA, t.KeyUsage, t.NotAfter = true, smx509.KeyUsageCertSign|smx509.KeyUsageCRLSign, from.AddDate(caYears, 0, 0)
	} else {
		ca := k.current(KindSign, "ca")
		if ca == nil {
			return "", fmt.Errorf("make certificate of %s: the authority has no key yet", r.Purpose)
		}
		if parent, err = smx509.ParseCertificatePEM([]byte(ca.Cert)); err != nil {
			return "", fmt.Errorf("read the authority's certificate: %w", err)
		}
		by = &signer{k.p, ca.h, ca.pub}
	}
	der, err := smx509.CreateCertificate(rand.Reader, t.ToX509(), parent.ToX509(), pub, by)
	if err != nil {
		return "", fmt.Errorf("make certificate of %s: %w", r.Purpose, err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}

// publicKey makes an SM2 public key of its point: 64 bytes, or 65 that begin
// with 04. A point that is not on the curve is refused.
func publicKey(point []byte) (*ecdsa.PublicKey, error) {
	if len(point) == 65 && point[0] == 4 {
		point = point[1:]
	}
	if len(point) != 64 {
		return nil, errors.New("an SM2 public key has 64 bytes")
	}
	p := &ecdsa.PublicKey{Curve: sm2.P256(), X: new(big.Int).SetBytes(point[:32]), Y: new(big.Int).SetBytes(point[32:])} //nolint:staticcheck // SM2 is on no other interface of the library
	if !p.Curve.IsOnCurve(p.X, p.Y) {                                                                                    //nolint:staticcheck // the same
		return nil, errors.New("the SM2 public key is not on the curve")
	}
	return p, nil
}

// VerifyMessage checks an SM2 signature (ASN.1, user id 1234567812345678)
// over a message by a public key's point, as card plug-ins give them.
func VerifyMessage(point, msg, sig []byte) error {
	pub, err := publicKey(point)
	if err != nil {
		return err
	}
	e, err := sm2Digest(pub, msg)
	if err != nil {
		return err
	}
	if !sm2.VerifyASN1(pub, e, sig) {
		return fmt.Errorf("check signature: %w: the content is not what was signed", ErrTampered)
	}
	return nil
}
