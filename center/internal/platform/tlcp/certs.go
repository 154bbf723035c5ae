package tlcp

import (
	"crypto/rand"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/tjfoc/gmsm/sm2"
	"github.com/tjfoc/gmsm/x509"
)

// Files of a certificate folder.
const (
	CAFile       = "ca.crt"
	SignCertFile = "sign.crt"
	SignKeyFile  = "sign.key"
	EncCertFile  = "enc.crt"
	EncKeyFile   = "enc.key"
)

// MakeCerts makes an authority of one's own and the two pairs of a gateway,
// for trials and closed networks. A public service takes certificates of a
// licensed authority instead. The authority's key is thrown away.
func MakeCerts(dir string, hosts []string, now time.Time) error {
	if len(hosts) == 0 {
		return errors.New("make TLCP certificates: name at least one host")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make TLCP certificates: %w", err)
	}
	caKey, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make TLCP certificates: %w", err)
	}
	ca := template("街巡 TLCP 试用根", now, x509.KeyUsageCertSign|x509.KeyUsageCRLSign)
	ca.IsCA = true
	if err := issue(filepath.Join(dir, CAFile), ca, ca, &caKey.PublicKey, caKey); err != nil {
		return err
	}
	for _, p := range []struct {
		cert, key string
		usage     x509.KeyUsage
	}{
		{SignCertFile, SignKeyFile, x509.KeyUsageDigitalSignature},
		{EncCertFile, EncKeyFile, x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment | x509.KeyUsageKeyAgreement},
	} {
		k, err := sm2.GenerateKey(rand.Reader)
		if err != nil {
			return fmt.Errorf("make TLCP certificates: %w", err)
		}
		t := template(hosts[0], now, p.usage)
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		for _, h := range hosts {
			if ip := net.ParseIP(h); ip != nil {
				t.IPAddresses = append(t.IPAddresses, ip)
			} else {
				t.DNSNames = append(t.DNSNames, h)
			}
		}
		if err := issue(filepath.Join(dir, p.cert), t, ca, &k.PublicKey, caKey); err != nil {
			return err
		}
		b, err := x509.WritePrivateKeyToPem(k, nil)
		if err != nil {
			return fmt.Errorf("write %s: %w", p.key, err)
		}
		if err := os.WriteFile(filepath.Join(dir, p.key), b, 0o600); err != nil {
			return fmt.Errorf("write %s: %w", p.key, err)
		}
	}
	return nil
}

func template(name string, now time.Time, usage x509.KeyUsage) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		serial = big.NewInt(now.UnixNano())
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{"街巡"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(3, 0, 0), KeyUsage: usage,
		BasicConstraintsValid: true, SignatureAlgorithm: x509.SM2WithSM3,
	}
}

func issue(path string, t, parent *x509.Certificate, pub *sm2.PublicKey, by *sm2.PrivateKey) error {
	b, err := x509.CreateCertificateToPem(t, parent, pub, by)
	if err != nil {
		return fmt.Errorf("make certificate %s: %w", filepath.Base(path), err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil { // #nosec G306 -- certificates are public
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
