// Package identity holds who a box is: its own random instance id, its
// private key, and the certificate that the center gave it at enrolment.
package identity

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"jiexun/api/edgev1"
)

// ErrNotEnrolled says that the folder holds no certificate yet.
var ErrNotEnrolled = errors.New("this box is not enrolled: start it once with --enrol TOKEN (console: 边缘盒 → 生成接入码)")

// Identity is an enrolled box.
type Identity struct {
	Edge     string
	Name     string
	Instance string
	MQTT     string // tls://host:port
	HTTPS    string // https://host:port
	TLS      *tls.Config
}

type boxFile struct {
	Edge  string `json:"edge"`
	Name  string `json:"name"`
	MQTT  string `json:"mqtt"`
	HTTPS string `json:"https"`
}

// Load reads the identity in dir; it returns ErrNotEnrolled when there is
// none.
func Load(dir string) (*Identity, error) {
	b, err := os.ReadFile(filepath.Join(dir, "box.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotEnrolled
	}
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	var f boxFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("read %s/box.json: %w", dir, err)
	}
	instance, err := Instance(dir)
	if err != nil {
		return nil, err
	}
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		return nil, fmt.Errorf("read the box's certificate: %w", err)
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return nil, fmt.Errorf("read the center's CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s/ca.pem holds no certificate: enrol the box again", dir)
	}
	return &Identity{
		Edge: f.Edge, Name: f.Name, MQTT: f.MQTT, HTTPS: f.HTTPS, Instance: instance,
		TLS: &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: pool, MinVersion: tls.VersionTLS12},
	}, nil
}

// Instance returns the folder's own random id and makes it on first use. It
// is never part of a certificate, so a copied certificate is noticed.
func Instance(dir string) (string, error) {
	path := filepath.Join(dir, "instance")
	b, err := os.ReadFile(path)
	if err == nil {
		if _, perr := ulid.ParseStrict(strings.TrimSpace(string(b))); perr == nil {
			return strings.TrimSpace(string(b)), nil
		}
		return "", fmt.Errorf("%s is damaged: remove it and enrol the box again", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read instance id: %w", err)
	}
	id := ulid.Make().String()
	return id, writeFile(path, []byte(id+"\n"))
}

func writeFile(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make folder for %s: %w", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, werr := f.Write(b)
	err = errors.Join(werr, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}

// Token is the text that IT copies from the console into the box.
type Token struct {
	URL    string // https://host:port
	Secret string
	// CA is the SHA-256 of the center's CA certificate (DER).
	CA [sha256.Size]byte
}

// ParseToken reads URL#secret#fingerprint.
func ParseToken(s string) (Token, error) {
	var t Token
	parts := strings.Split(strings.TrimSpace(s), "#")
	if len(parts) != 3 || parts[1] == "" {
		return t, fmt.Errorf("enrolment token must be URL#secret#fingerprint as copied from the console; got %d parts", len(parts))
	}
	u, err := url.Parse(parts[0])
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return t, fmt.Errorf("enrolment token must begin with https://host:port")
	}
	fp, err := hex.DecodeString(parts[2])
	if err != nil || len(fp) != sha256.Size {
		return t, fmt.Errorf("enrolment token's fingerprint must be 64 hexadecimal characters; copy the whole token")
	}
	t.URL, t.Secret = "https://"+u.Host, parts[1]
	copy(t.CA[:], fp)
	return t, nil
}

// Enrol trades the one-time token for a certificate and stores it in dir.
func Enrol(ctx context.Context, dir string, t Token, version string) error {
	instance, err := Instance(dir)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: instance}}, key)
	if err != nil {
		return fmt.Errorf("make certificate request: %w", err)
	}
	host, _ := os.Hostname()
	resp, err := post(ctx, t, edgev1.EnrolRequest{
		Token: t.Secret, Instance: instance, Version: version, Hostname: host,
		CSR: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})),
	})
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	box, err := json.MarshalIndent(boxFile{Edge: resp.Edge, Name: resp.Name, MQTT: resp.MQTT, HTTPS: resp.HTTPS}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode identity: %w", err)
	}
	// box.json comes last: its presence means that all is there.
	for _, f := range []struct {
		name string
		b    []byte
	}{
		{"key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})},
		{"cert.pem", []byte(resp.Certificate)},
		{"ca.pem", []byte(resp.CA)},
		{"box.json", box},
	} {
		if err := writeFile(filepath.Join(dir, f.name), f.b); err != nil {
			return err
		}
	}
	return nil
}

func post(ctx context.Context, t Token, in edgev1.EnrolRequest) (edgev1.EnrolResponse, error) {
	var out edgev1.EnrolResponse
	body, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("encode enrolment: %w", err)
	}
	u, err := url.Parse(t.URL)
	if err != nil {
		return out, fmt.Errorf("enrolment address: %w", err)
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: pinned(t.CA, u.Hostname())}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL+"/edge/v1/enrol", bytes.NewReader(body))
	if err != nil {
		return out, fmt.Errorf("enrolment request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return out, fmt.Errorf("reach the center at %s: %w", t.URL, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return out, fmt.Errorf("read the center's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		var e struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(b, &e) != nil || e.Message == "" {
			e.Message = fmt.Sprintf("HTTP %d", resp.StatusCode)
		}
		return out, fmt.Errorf("the center refused the enrolment: %s", e.Message)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return out, fmt.Errorf("read the center's answer: %w", err)
	}
	if out.Edge == "" || out.Certificate == "" || out.CA == "" || out.MQTT == "" || out.HTTPS == "" {
		return out, errors.New("the center's answer lacks the certificate or addresses")
	}
	return out, nil
}

// pinned trusts exactly the CA with the fingerprint, which the server sends
// with its chain, and still checks the host name.
func pinned(fp [sha256.Size]byte, host string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // replaced by VerifyConnection below
		VerifyConnection: func(cs tls.ConnectionState) error {
			for _, c := range cs.PeerCertificates {
				if sha256.Sum256(c.Raw) != fp {
					continue
				}
				pool := x509.NewCertPool()
				pool.AddCert(c)
				_, err := cs.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: pool, DNSName: host})
				return err
			}
			return errors.New("the center's CA does not match the token's fingerprint: wrong center, or someone in between")
		},
	}
}
