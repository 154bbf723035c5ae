// Package boxlink is a box's side of the line to the center, and what stands
// around it in a measurement: enrolment, the MQTT client, events of realistic
// size, the console's HTTP interface, and a center process to measure. Tools
// share it.
package boxlink

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"jiexun/api/edgev1"
)

// Identity is an enrolled box, held in memory only.
type Identity struct {
	Edge, Name, Instance string
	// MQTT is tls://host:port and HTTPS https://host:port.
	MQTT, HTTPS string
	TLS         *tls.Config
}

// Token is an enrolment token taken apart.
type Token struct {
	URL    *url.URL
	Secret string
	// CA is the SHA-256 of the center's certificate authority.
	CA [sha256.Size]byte
}

// ParseToken reads https://host:port#secret#fingerprint.
func ParseToken(s string) (Token, error) {
	var t Token
	parts := strings.Split(strings.TrimSpace(s), "#")
	if len(parts) != 3 || parts[1] == "" {
		return t, fmt.Errorf("token must be URL#secret#fingerprint, got %d parts", len(parts))
	}
	u, err := url.Parse(parts[0])
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return t, errors.New("token must begin with https://host:port")
	}
	fp, err := hex.DecodeString(parts[2])
	if err != nil || len(fp) != sha256.Size {
		return t, errors.New("token must end with the 64 hexadecimal characters of the authority's fingerprint")
	}
	t.URL, t.Secret = &url.URL{Scheme: "https", Host: u.Host}, parts[1]
	copy(t.CA[:], fp)
	return t, nil
}

// Enrol trades a token for a certificate.
func Enrol(ctx context.Context, t Token) (*Identity, error) {
	instance := ulid.Make().String()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate request: %w", err)
	}
	in := edgev1.EnrolRequest{
		Token: t.Secret, Instance: instance, Version: "simulated", Hostname: "simulated",
		CSR: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})),
	}
	var out edgev1.EnrolResponse
	if err := t.post(ctx, in, &out); err != nil {
		return nil, fmt.Errorf("enrol: %w", err)
	}
	cert, err := keyPair([]byte(out.Certificate), key)
	if err != nil {
		return nil, fmt.Errorf("enrol: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(out.CA)) {
		return nil, errors.New("enrol: the answer holds no authority")
	}
	return &Identity{
		Edge: out.Edge, Name: out.Name, Instance: instance, MQTT: out.MQTT, HTTPS: out.HTTPS,
		TLS: &tls.Config{
			Certificates: []tls.Certificate{cert}, RootCAs: pool, MinVersion: tls.VersionTLS12,
			ClientSessionCache: tls.NewLRUClientSessionCache(2),
		},
	}, nil
}

func keyPair(chain []byte, key *ecdsa.PrivateKey) (tls.Certificate, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("encode key: %w", err)
	}
	cert, err := tls.X509KeyPair(chain, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read certificate: %w", err)
	}
	return cert, nil
}

func (t Token) post(ctx context.Context, in edgev1.EnrolRequest, out *edgev1.EnrolResponse) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: t.pinned()}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL.JoinPath("/edge/v1/enrol").String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return readAnswer(resp, out)
}

// pinned trusts the authority with the token's fingerprint, which the center
// sends with its chain, and still checks the host.
func (t Token) pinned() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // VerifyConnection below decides
		VerifyConnection: func(cs tls.ConnectionState) error {
			for _, c := range cs.PeerCertificates {
				if sha256.Sum256(c.Raw) != t.CA {
					continue
				}
				pool := x509.NewCertPool()
				pool.AddCert(c)
				_, err := cs.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: pool, DNSName: t.URL.Hostname()})
				return err
			}
			return errors.New("the center's authority is not the token's")
		},
	}
}

// readAnswer decodes a 2xx answer, and turns any other one into its message.
func readAnswer(resp *http.Response, out any) error {
	b, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		var p struct {
			Message string `json:"message"`
			Fields  []struct{ Name, Message string }
		}
		if json.Unmarshal(b, &p) != nil || p.Message == "" {
			p.Message = fmt.Sprintf("%.200s", b)
		}
		return fmt.Errorf("HTTP %d: %s %v", resp.StatusCode, p.Message, p.Fields)
	}
	if out == nil || len(b) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}
