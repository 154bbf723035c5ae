package identity_test

import (
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
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/identity"
)

// authority is a center's CA with a server certificate for 127.0.0.1.
type authority struct {
	t      *testing.T
	key    *ecdsa.PrivateKey
	cert   *x509.Certificate
	serial int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) sign(pub any, cn string, ips ...net.IP) []byte {
	a.t.Helper()
	a.serial++
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1 + a.serial), Subject: pkix.Name{CommonName: cn}, IPAddresses: ips, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, pub, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

func (a *authority) serve(h http.Handler) *httptest.Server {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(h)
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{a.sign(&key.PublicKey, "center", net.IPv4(127, 0, 0, 1)), a.cert.Raw}, PrivateKey: key}}}
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	a.t.Cleanup(srv.Close)
	return srv
}

func TestEnrolmentGivesAnIdentityThatLoads(t *testing.T) {
	a := newAuthority(t)
	srv := a.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in edgev1.EnrolRequest
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Token != "secret" {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"code":"forbidden","message":"接入码已用过"}`))
			return
		}
		block, _ := pem.Decode([]byte(in.CSR))
		csr, err := x509.ParseCertificateRequest(block.Bytes)
		if err != nil {
			t.Error(err)
			return
		}
		out := edgev1.EnrolResponse{
			Edge: "01JXEDGE0000000000000000AA", Name: "黄浦一号盒", MQTT: "tls://127.0.0.1:8883", HTTPS: "https://127.0.0.1:8443",
			Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.sign(csr.PublicKey, "01JXEDGE0000000000000000AA")})),
			CA:          string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})),
		}
		_ = json.NewEncoder(w).Encode(out)
	}))
	sum := sha256.Sum256(a.cert.Raw)
	dir := filepath.Join(t.TempDir(), "identity")
	if _, err := identity.Load(dir); !errors.Is(err, identity.ErrNotEnrolled) {
		t.Fatalf("before enrolment: %v", err)
	}
	bad, err := identity.ParseToken(srv.URL + "#used#" + hex.EncodeToString(sum[:]))
	if err != nil {
		t.Fatal(err)
	}
	if err := identity.Enrol(context.Background(), dir, bad, "v"); err == nil || !strings.Contains(err.Error(), "接入码已用过") {
		t.Fatalf("a refused token: %v", err)
	}
	if _, err := identity.Load(dir); !errors.Is(err, identity.ErrNotEnrolled) {
		t.Fatalf("a refused enrolment left an identity: %v", err)
	}
	good, err := identity.ParseToken(srv.URL + "#secret#" + hex.EncodeToString(sum[:]))
	if err != nil {
		t.Fatal(err)
	}
	if err := identity.Enrol(context.Background(), dir, good, "v"); err != nil {
		t.Fatal(err)
	}
	id, err := identity.Load(dir)
	if err != nil || id.Edge != "01JXEDGE0000000000000000AA" || id.Instance == "" || len(id.TLS.Certificates) != 1 {
		t.Fatalf("identity %+v, %v", id, err)
	}
	again, err := identity.Load(dir)
	if err != nil || again.Instance != id.Instance {
		t.Fatalf("the instance changed: %v", err)
	}
	if st, err := os.Stat(filepath.Join(dir, "key.pem")); err != nil || st.Mode().Perm()&0o077 != 0 {
		t.Errorf("the key can be read by others: %v %v", st.Mode(), err)
	}
}

func TestAnotherCentersCertificateIsRefused(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	asked := false
	srv := a.serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	sum := sha256.Sum256(other.cert.Raw)
	tok, err := identity.ParseToken(srv.URL + "#secret#" + hex.EncodeToString(sum[:]))
	if err != nil {
		t.Fatal(err)
	}
	err = identity.Enrol(context.Background(), t.TempDir(), tok, "v")
	if err == nil || !strings.Contains(err.Error(), "fingerprint") || asked {
		t.Fatalf("the token's secret went to a stranger: asked=%v err=%v", asked, err)
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add("https://127.0.0.1:8443#secret#" + strings.Repeat("ab", 32))
	f.Add("http://x#a#b")
	f.Add("##")
	f.Fuzz(func(t *testing.T, s string) {
		tok, err := identity.ParseToken(s)
		if err == nil && (!strings.HasPrefix(tok.URL, "https://") || tok.Secret == "") {
			t.Fatalf("accepted %q as %+v", s, tok)
		}
	})
}
