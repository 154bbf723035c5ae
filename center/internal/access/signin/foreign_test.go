package signin_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"jiexun/center/internal/access/signin"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

// authority is an SM2 certificate authority of a test.
type authority struct {
	key  *sm2.PrivateKey
	cert *smx509.Certificate
	pem  string
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func newAuthority(t *testing.T, name string, now time.Time) authority {
	t.Helper()
	k, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tm := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(9, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true, SubjectKeyId: []byte(name),
	}
	der, err := smx509.CreateCertificate(rand.Reader, tm, tm, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	c, err := smx509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{k, c, pemOf("CERTIFICATE", der)}
}

func (a authority) issue(t *testing.T, serial int64, from, to time.Time) (*sm2.PrivateKey, string) {
	t.Helper()
	k, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tm := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "演示"}, NotBefore: from, NotAfter: to, KeyUsage: x509.KeyUsageDigitalSignature, SubjectKeyId: []byte{byte(serial)}}
	der, err := smx509.CreateCertificate(rand.Reader, tm, a.cert.ToX509(), &k.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return k, pemOf("CERTIFICATE", der)
}

func (a authority) crl(t *testing.T, number int64, from, to time.Time, serials ...int64) string {
	t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: from, NextUpdate: to}
	for _, s := range serials {
		l.RevokedCertificates = append(l.RevokedCertificates, pkix.RevokedCertificate{SerialNumber: big.NewInt(s), RevocationTime: from}) //nolint:staticcheck // the library reads this one
	}
	der, err := smx509.CreateRevocationList(rand.Reader, l, a.cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("X509 CRL", der)
}

const origin = "https://center.example"

// sign asks for a nonce and answers it with a key.
func (w *world) signBy(k *sm2.PrivateKey, cert string) map[string]string {
	w.t.Helper()
	b, _ := w.post("/api/signin/open/challenge", nil, map[string]string{"Origin": origin}, 200)
	c := testkit.JSON[signin.Challenge](w.t, b)
	if !strings.Contains(c.Text, "origin="+origin+"\n") || !strings.Contains(c.Text, c.Nonce) {
		w.t.Fatalf("text to sign %q", c.Text)
	}
	sig, err := k.Sign(rand.Reader, []byte(c.Text), sm2.NewSM2SignerOption(true, nil))
	if err != nil {
		w.t.Fatal(err)
	}
	return map[string]string{"nonce": c.Nonce, "certificate": cert, "signature": base64.StdEncoding.EncodeToString(sig)}
}

func TestCertificates(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := setUp(t, d, c)
		now := c.Now()
		ca, other := newAuthority(t, "政务 CA", now), newAuthority(t, "别的 CA", now)
		k, cert := ca.issue(t, 7, now.Add(-time.Hour), now.Add(48*time.Hour))
		foreignKey, foreign := other.issue(t, 7, now.Add(-time.Hour), now.Add(48*time.Hour))
		admin := w.login("anquan")
		bind := func(account, cert string, want int) {
			t.Helper()
			w.post("/api/signin/persons/"+w.ids[account]+"/certs", map[string]string{"certificate": cert}, admin, want)
		}
		bind("paidan", cert, 422) // nobody is trusted yet
		w.post("/api/signin/anchors", map[string]string{"name": "", "certificate": cert}, admin, 422)
		b, _ := w.post("/api/signin/anchors", map[string]string{"name": "市政务 CA", "certificate": ca.pem}, admin, 200)
		anchor := testkit.JSON[signin.Anchor](t, b)
		w.post("/api/signin/anchors", map[string]string{"name": "", "certificate": ca.pem}, admin, 409)
		bind("paidan", foreign, 422)
		w.post("/api/signin/open/sm2", w.signBy(k, cert), nil, 401) // not bound
		bind("paidan", cert, 200)
		bind("duiyuan", cert, 409)

		req := w.signBy(k, cert)
		b, _ = w.post("/api/signin/open/sm2", req, nil, 200)
		if !strings.Contains(string(b), `"account":"paidan"`) || !strings.Contains(string(b), `"method":"sm2"`) {
			t.Fatalf("opened %s", b)
		}
		w.post("/api/signin/open/sm2", req, nil, 401) // the nonce again
		req = w.signBy(k, cert)
		sig, _ := base64.StdEncoding.DecodeString(req["signature"])
		sig[len(sig)-1] ^= 1
		w.post("/api/signin/open/sm2", map[string]string{"nonce": req["nonce"], "certificate": cert, "signature": base64.StdEncoding.EncodeToString(sig)}, nil, 401)
		w.post("/api/signin/open/sm2", req, nil, 401) // one try for each nonce
		w.post("/api/signin/open/sm2", w.signBy(foreignKey, cert), nil, 401)
		w.post("/api/signin/open/sm2", w.signBy(foreignKey, foreign), nil, 401)
		req = w.signBy(k, cert)
		c.Advance(2*time.Minute + time.Second)
		w.post("/api/signin/open/sm2", req, nil, 401) // too late

		put := func(crl string, want int) {
			t.Helper()
			code, b, _ := testkit.Do(t, w.app, "PUT", "/api/signin/anchors/"+anchor.ID+"/crl", map[string]string{"crl": crl}, admin)
			if code != want {
				t.Fatalf("list of revoked: %d, want %d: %s", code, want, b)
			}
		}
		put(other.crl(t, 1, now, now.Add(24*time.Hour), 7), 422)
		put(ca.crl(t, 1, now, now.Add(24*time.Hour), 8), 204)
		w.post("/api/signin/open/sm2", w.signBy(k, cert), nil, 200)
		put(ca.crl(t, 2, c.Now(), now.Add(24*time.Hour), 8, 7), 204)
		put(ca.crl(t, 1, now, now.Add(24*time.Hour), 8), 422) // older
		b, _ = w.post("/api/signin/open/sm2", w.signBy(k, cert), nil, 401)
		if !strings.Contains(string(b), "吊销") {
			t.Errorf("revoked: %s", b)
		}
		k2, cert2 := ca.issue(t, 9, now.Add(-time.Hour), now.Add(10*time.Hour))
		bind("duiyuan", cert2, 200)
		c.Advance(11 * time.Hour)
		b, _ = w.post("/api/signin/open/sm2", w.signBy(k2, cert2), nil, 401)
		if !strings.Contains(string(b), "有效期") {
			t.Errorf("run out: %s", b)
		}
	})
}

// build makes one of the fakes and starts it; it gives the address.
func fake(t *testing.T, name string, args ...string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", bin, "jiexun/tools/fakes/"+name).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v %s", name, err, out)
	}
	cmd := exec.Command(bin, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s says no address: %v", name, err)
	}
	return strings.TrimSpace(line)
}

// follow asks for an address without following where it leads.
func follow(t *testing.T, address string) string {
	t.Helper()
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusFound {
		b, _ := io.ReadAll(res.Body)
		t.Fatalf("%s: %d %s", address, res.StatusCode, b)
	}
	return res.Header.Get("Location")
}

// through goes to the provider and back, and gives the center's last answer.
func (w *world) through(id string, spoil func(back *url.URL, cookie *string)) (string, http.Header) {
	w.t.Helper()
	code, b, h := testkit.Do(w.t, w.app, "GET", "/api/signin/oidc/"+id+"/start?to=/orders", nil, nil)
	if code != 302 {
		w.t.Fatalf("start: %d %s", code, b)
	}
	cookie := ""
	for _, c := range (&http.Response{Header: h}).Cookies() {
		cookie = c.Value
	}
	back, err := url.Parse(follow(w.t.(*testing.T), h.Get("Location")))
	if err != nil {
		w.t.Fatal(err)
	}
	if spoil != nil {
		spoil(back, &cookie)
	}
	code, b, h = testkit.Do(w.t, w.app, "GET", back.RequestURI(), nil, map[string]string{"Cookie": "jx_oidc=" + cookie})
	if code != 302 {
		w.t.Fatalf("back: %d %s", code, b)
	}
	return h.Get("Location"), h
}

func hasSession(h http.Header) bool {
	for _, c := range (&http.Response{Header: h}).Cookies() {
		if c.Name == httpx.CookieName && c.Value != "" {
			return true
		}
	}
	return false
}

func TestOpenIDConnect(t *testing.T) {
	d := testkit.SQLite(t, clock.NewFake(testkit.Start()))
	c := clock.NewFake(testkit.Start())
	w := setUp(t, d, c)
	admin := w.login("anquan")
	now := "--now=" + testkit.Start().Format(time.RFC3339)
	save := func(issuer string, auto bool) string {
		b, _ := w.post("/api/signin/providers", map[string]any{
			"kind": "oidc", "name": "统一身份认证", "url": issuer, "clientId": "jiexun", "secret": "fake-secret", "redirectUrl": "http://127.0.0.1:8080/api/signin/oidc/callback",
			"claim": "preferred_username", "autoLink": auto, "state": "active",
		}, admin, 200)
		if strings.Contains(string(b), "fake-secret") {
			t.Fatalf("the secret is given out: %s", b)
		}
		return testkit.JSON[signin.Provider](t, b).ID
	}
	id := save(fake(t, "oidc", "--name=paidan", now), false)
	if !strings.Contains(string(w.get("/api/signin/ways", nil, 200)), id) {
		t.Error("the log-in page is not told of the provider")
	}
	to, h := w.through(id, nil)
	bind, err := url.ParseQuery(strings.TrimPrefix(to, "/login#"))
	if err != nil || hasSession(h) || bind.Get("bind") == "" || bind.Get("to") != "/orders" {
		t.Fatalf("unbound person comes to %s", to)
	}
	w.post("/api/signin/open/bind", map[string]string{"ticket": bind.Get("bind"), "account": "duiyuan", "password": "wrong"}, nil, 401)
	b, _ := w.post("/api/signin/open/bind", map[string]string{"ticket": bind.Get("bind"), "account": "duiyuan", "password": password}, nil, 200)
	if !strings.Contains(string(b), `"account":"duiyuan"`) {
		t.Fatalf("bound: %s", b)
	}
	w.post("/api/signin/open/bind", map[string]string{"ticket": bind.Get("bind"), "account": "duiyuan", "password": password}, nil, 401)
	if to, h := w.through(id, nil); to != "/orders" || !hasSession(h) {
		t.Errorf("bound person comes to %s, session %v", to, hasSession(h))
	}
	for name, spoil := range map[string]func(*url.URL, *string){
		"state of another browser": func(_ *url.URL, k *string) { *k = "x" + (*k)[1:] },
		"no cookie":                func(_ *url.URL, k *string) { *k = "" },
		"another code": func(u *url.URL, _ *string) {
			q := u.Query()
			q.Set("code", "forged")
			u.RawQuery = q.Encode()
		},
	} {
		if to, h := w.through(id, spoil); !strings.HasPrefix(to, "/login?fault=") || hasSession(h) {
			t.Errorf("%s: comes to %s", name, to)
		}
	}
	id = save(fake(t, "oidc", "--name=paidan", now, "--wrong-nonce"), true)
	if to, h := w.through(id, nil); !strings.HasPrefix(to, "/login?fault=") || hasSession(h) {
		t.Errorf("wrong nonce comes to %s", to)
	}
	id = save(fake(t, "oidc", "--name=paidan", "--sub=u-9", now), true)
	if to, h := w.through(id, nil); to != "/orders" || !hasSession(h) {
		t.Errorf("claim of the account comes to %s", to)
	}
	id = save(fake(t, "oidc", "--name=paidan", "--now="+testkit.Start().Add(-time.Hour).Format(time.RFC3339)), true)
	if to, h := w.through(id, nil); !strings.HasPrefix(to, "/login?fault=") || hasSession(h) {
		t.Errorf("old id token comes to %s", to)
	}
}

func TestGovernmentCloud(t *testing.T) {
	d := testkit.SQLite(t, clock.NewFake(testkit.Start()))
	w := setUp(t, d, clock.NewFake(testkit.Start()))
	admin := w.login("anquan")
	save := func(address, key string) string {
		b, _ := w.post("/api/signin/providers", map[string]any{"kind": "ssb", "name": "随申办政务云", "url": address, "clientId": "jiexun", "secret": key, "state": "active"}, admin, 200)
		return testkit.JSON[signin.Provider](t, b).ID
	}
	address := fake(t, "ssb-sso")
	enter := func(user string) string {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, address+"/fake/enter?user="+user, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return testkit.JSON[struct{ Ticket string }](t, b).Ticket
	}
	id := save(address, "fake-key")
	open := func(id, ticket string, want int) signin.OpenAnswer {
		t.Helper()
		b, _ := w.post("/api/signin/open/ssb", map[string]string{"provider": id, "ticket": ticket}, nil, want)
		return testkit.JSON[signin.OpenAnswer](t, b)
	}
	a := open(id, enter("ssb-1"), 200)
	if a.Bind == "" || a.Person.ID != "" {
		t.Fatalf("unbound person %+v", a)
	}
	w.post("/api/signin/open/bind", map[string]string{"ticket": a.Bind, "account": "duiyuan", "password": password}, nil, 200)
	ticket := enter("ssb-1")
	if a = open(id, ticket, 200); a.Person.Account != "duiyuan" || a.Method != "sso" {
		t.Errorf("bound person %+v", a)
	}
	open(id, ticket, 401) // replayed
	open(id, "made-up", 401)
	open(save(address, "wrong-key"), enter("ssb-1"), 401)
	open(save(fake(t, "ssb-sso", "--mode=down"), "fake-key"), "x", 503)
	open(save(fake(t, "ssb-sso", "--mode=junk"), "fake-key"), "x", 503)
	open(save("http://127.0.0.1:1", "fake-key"), "x", 503)
}
