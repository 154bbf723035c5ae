package signin

import (
	"errors"
	"strings"
	"testing"

	"jiexun/center/internal/platform/errs"
)

// FuzzBearer: whatever the header holds, a token that is taken has our form.
func FuzzBearer(f *testing.F) {
	for _, s := range []string{"", "Bearer ", "Bearer jx_", "Bearer jx_abcdefghijklmnopqrstuvwxyz0123456789", "bearer jx_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "Basic eDp5", "Bearer jx_\x00aaaaaaaaaaaaaaaaaaaaaa"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, h string) {
		tok, ok := bearer(h)
		if ok && (!strings.HasPrefix(tok, tokenPrefix) || len(tok) > maxSecrets || strings.ContainsAny(tok, " \x00\r\n'\"")) {
			t.Errorf("%q gives %q", h, tok)
		}
	})
}

// FuzzCertificate: certificates and revocation lists from outside are parsed
// or refused as invalid, never anything else.
func FuzzCertificate(f *testing.F) {
	f.Add("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
	f.Add("-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := parseCert(text); err != nil && !errs.Is(err, errs.Invalid) {
			t.Errorf("certificate: %v", err)
		}
		if _, err := parseCRL(text); err != nil && !errs.Is(err, errs.Invalid) {
			t.Errorf("list: %v", err)
		}
	})
}

// FuzzTicketAnswer: no answer of the ticket service is taken for a person
// without code 0 and a user.
func FuzzTicketAnswer(f *testing.F) {
	f.Add(200, []byte(`{"code":0,"data":{"userId":"u"}}`))
	f.Add(200, []byte(`{"code":1}`))
	f.Add(500, []byte(`<html>`))
	f.Add(401, []byte(`{"code":0,"data":{"userId":"u"}}`))
	f.Fuzz(func(t *testing.T, status int, raw []byte) {
		u, err := ssbSubject(status, raw)
		if (u == "") == (err == nil) {
			t.Errorf("user %q, err %v", u, err)
		}
		if err == nil && status != 200 {
			t.Errorf("status %d gives %q", status, u)
		}
		var e *errs.Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("bare error %v", err)
		}
	})
}

// FuzzOwnPath: a path that a link may open stays on this host.
func FuzzOwnPath(f *testing.F) {
	for _, s := range []string{"/", "/m/order/1?x=1#y", "//evil", "/\\evil", "http://x/", "/\t/evil", "javascript:alert(1)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if ownPath(p) && (p == "" || p[0] != '/' || strings.HasPrefix(p, "//") || strings.ContainsAny(p, "\\\r\n\t")) {
			t.Errorf("%q is taken", p)
		}
	})
}
