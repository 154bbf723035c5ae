package main

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// key is a software SM2 key with its certificate.
type key struct {
	priv *sm2.PrivateKey
	cert *smx509.Certificate
	pem  string
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return big.NewInt(time.Now().UnixNano())
	}
	return n
}

// initKey makes an authority in dir (unless one is there) and a key whose
// certificate it signs.
func initKey(dir, name string, days int, now time.Time) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	ca, caCert, err := authority(dir, now)
	if err != nil {
		return err
	}
	priv, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name, Organization: []string{"jiexun demo"}}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, days),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment, SubjectKeyId: random(20),
	}
	der, err := smx509.CreateCertificate(rand.Reader, t, caCert.ToX509(), &priv.PublicKey, ca)
	if err != nil {
		return fmt.Errorf("sign certificate: %w", err)
	}
	if err := writeKey(filepath.Join(dir, "key.pem"), priv); err != nil {
		return err
	}
	fmt.Println("certificate of the person:", filepath.Join(dir, "cert.pem"))
	fmt.Println("authority to be trusted:  ", filepath.Join(dir, "ca.pem"))
	return os.WriteFile(filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644) //nolint:gosec // public
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return b
}

func authority(dir string, now time.Time) (*sm2.PrivateKey, *smx509.Certificate, error) {
	certFile, keyFile := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca-key.pem")
	if _, err := os.Stat(certFile); errors.Is(err, os.ErrNotExist) {
		priv, err := sm2.GenerateKey(rand.Reader)
		if err != nil {
			return nil, nil, err
		}
		t := &x509.Certificate{
			SerialNumber: serial(), Subject: pkix.Name{CommonName: "jiexun demo authority"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true, SubjectKeyId: random(20),
		}
		der, err := smx509.CreateCertificate(rand.Reader, t, t, &priv.PublicKey, priv)
		if err != nil {
			return nil, nil, fmt.Errorf("make authority: %w", err)
		}
		if err := writeKey(keyFile, priv); err != nil {
			return nil, nil, err
		}
		if err := os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil { //nolint:gosec // public
			return nil, nil, err
		}
	}
	priv, err := readKey(keyFile)
	if err != nil {
		return nil, nil, err
	}
	cert, _, err := readCert(certFile)
	return priv, cert, err
}

func writeKey(file string, priv *sm2.PrivateKey) error {
	der, err := smx509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		return err
	}
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

func readKey(file string) (*sm2.PrivateKey, error) {
	b, err := os.ReadFile(file) //nolint:gosec // named by the person who runs it
	if err != nil {
		return nil, err
	}
	p, _ := pem.Decode(b)
	if p == nil {
		return nil, fmt.Errorf("%s is no PEM file", file)
	}
	k, err := smx509.ParsePKCS8PrivateKey(p.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	priv, ok := k.(*sm2.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds no SM2 key", file)
	}
	return priv, nil
}

func readCert(file string) (*smx509.Certificate, string, error) {
	b, err := os.ReadFile(file) //nolint:gosec // named by the person who runs it
	if err != nil {
		return nil, "", err
	}
	c, err := smx509.ParseCertificatePEM(b)
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", file, err)
	}
	return c, string(b), nil
}

// openKey reads the key in dir; a missing one is a key that is not plugged in.
func openKey(dir string) (*key, error) {
	priv, err := readKey(filepath.Join(dir, "key.pem"))
	if err != nil {
		return nil, err
	}
	c, text, err := readCert(filepath.Join(dir, "cert.pem"))
	if err != nil {
		return nil, err
	}
	return &key{priv, c, text}, nil
}
