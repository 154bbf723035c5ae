package hub

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"jiexun/center/internal/platform/errs"
)

// CA is the center's own certificate authority. Boxes pin it by the
// fingerprint in their enrolment token.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
	now  func() time.Time
}

const (
	caYears   = 20
	boxYears  = 2
	backdated = 5 * time.Minute // for boxes whose clock is a little behind
)

// OpenCA reads the authority's key and certificate in dir, or makes them.
func OpenCA(dir string, now func() time.Time) (*CA, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open certificate authority: %w", err)
	}
	keyFile, certFile := filepath.Join(dir, "ca.key"), filepath.Join(dir, "ca.crt")
	if _, err := os.Stat(keyFile); errors.Is(err, os.ErrNotExist) {
		if err := makeCA(keyFile, certFile, now()); err != nil {
			return nil, fmt.Errorf("make certificate authority: %w", err)
		}
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("open certificate authority in %s: %w", dir, err)
	}
	cert, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("open certificate authority: %w", err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("open certificate authority: %s is no ECDSA key", keyFile)
	}
	return &CA{cert: cert, key: key, pem: pemOf("CERTIFICATE", cert.Raw), now: now}, nil
}

func makeCA(keyFile, certFile string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := newSerial()
	if err != nil {
		return err
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Jiexun Center CA", Organization: []string{"Jiexun"}},
		NotBefore: now.Add(-backdated), NotAfter: now.AddDate(caYears, 0, 0), IsCA: true, BasicConstraintsValid: true,
		MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return err
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	// The certificate first: a key without one would look complete.
	if err := os.WriteFile(certFile, pemOf("CERTIFICATE", der), 0o600); err != nil {
		return err
	}
	return os.WriteFile(keyFile, pemOf("EC PRIVATE KEY", raw), 0o600)
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
}

// PEM is the authority's certificate.
func (c *CA) PEM() []byte { return c.pem }

// Fingerprint is the SHA-256 of the certificate, in lower-case hexadecimal.
func (c *CA) Fingerprint() string {
	h := sha256.Sum256(c.cert.Raw)
	return hex.EncodeToString(h[:])
}

// Pool trusts this authority only.
func (c *CA) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(c.cert)
	return p
}

// Server issues a server certificate for names and addresses; localhost is
// always among them. It lives in memory and is made anew at each start.
func (c *CA) Server(names []string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issue server certificate: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issue server certificate: %w", err)
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Jiexun Center"},
		NotBefore: c.now().Add(-backdated), NotAfter: c.now().AddDate(boxYears, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range append([]string{"localhost", "127.0.0.1", "::1"}, names...) {
		if ip := net.ParseIP(n); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else if n != "" {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, c.cert, &key.PublicKey, c.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issue server certificate: %w", err)
	}
	// Leaf and authority: a box that enrols pins the authority out of it.
	return tls.Certificate{Certificate: [][]byte{der, c.cert.Raw}, PrivateKey: key}, nil
}

// Sign issues a box's certificate from its request: the subject is the box's
// id, whatever the request says. It gives the PEM chain and the serial.
func (c *CA) Sign(csrPEM, edge string) (chain, serial string, err error) {
	b, _ := pem.Decode([]byte(csrPEM))
	if b == nil || b.Type != "CERTIFICATE REQUEST" {
		return "", "", errs.Invalidf("csr", "不是 PEM 格式的证书请求")
	}
	csr, err := x509.ParseCertificateRequest(b.Bytes)
	if err != nil || csr.CheckSignature() != nil {
		return "", "", errs.Invalidf("csr", "证书请求无法解析或签名不对")
	}
	if pub, ok := csr.PublicKey.(*ecdsa.PublicKey); !ok || pub.Curve.Params().BitSize < 256 {
		return "", "", errs.Invalidf("csr", "证书请求应使用 ECDSA P-256 密钥")
	}
	n, err := newSerial()
	if err != nil {
		return "", "", fmt.Errorf("sign box certificate: %w", err)
	}
	t := &x509.Certificate{
		SerialNumber: n, Subject: pkix.Name{CommonName: edge, OrganizationalUnit: []string{"edge"}},
		NotBefore: c.now().Add(-backdated), NotAfter: c.now().AddDate(boxYears, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, c.cert, csr.PublicKey, c.key)
	if err != nil {
		return "", "", fmt.Errorf("sign box certificate: %w", err)
	}
	return string(pemOf("CERTIFICATE", der)) + string(c.pem), serialText(n), nil
}

func serialText(n *big.Int) string { return n.Text(16) }
