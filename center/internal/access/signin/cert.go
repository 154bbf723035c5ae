package signin

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
)

const (
	challengeTTL = 2 * time.Minute
	maxCert      = 16 << 10
	maxCRL       = 4 << 20
)

// Challenge is what a USB key has to sign.
type Challenge struct {
	Nonce string `json:"nonce"`
	// Text is signed as it is, with SM2 over SM3 and the default user id.
	Text      string      `json:"text"`
	ExpiresAt clock.Stamp `json:"expiresAt"`
}

// ChallengeText is the form that a key signs: it names what it is for and
// where, so that a signature cannot be carried to another place.
func ChallengeText(origin, nonce string, at time.Time) string {
	return fmt.Sprintf("jiexun-signin/1\norigin=%s\nnonce=%s\nat=%s", origin, nonce, at.UTC().Format(time.RFC3339))
}

// NewChallenge makes a nonce for one sign-in from a page of origin.
func (s *Service) NewChallenge(ctx context.Context, origin string) (Challenge, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || len(origin) > 200 || strings.ContainsAny(origin, "\r\n") {
		return Challenge{}, errs.Invalidf("origin", "浏览器没有说明页面地址（Origin）")
	}
	if s.current().USBKey == "" {
		return Challenge{}, errs.Conflict("本系统没有开放数字证书登录")
	}
	var c Challenge
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		c.Nonce = secretText(32)
		c.Text = ChallengeText(origin, c.Nonce, tx.Now())
		row := challengeRow{Digest: digest(c.Nonce), Kind: kindSM2, Data: c.Text, CreatedAt: clock.At(tx.Now()), ExpiresAt: clock.At(tx.Now().Add(challengeTTL))}
		c.ExpiresAt = row.ExpiresAt
		return insert(ctx, tx, "challenge", &row)
	})
	return c, err
}

// OpenBySM2 opens a session for the person to whom the certificate is bound,
// when the signature over the nonce's text is right. The nonce is used up
// whatever the outcome.
func (s *Service) OpenBySM2(ctx context.Context, nonce, certPEM, signature, agent, old string) (access.Opened, error) {
	if err := s.admit(ctx, ipOf(ctx), "sm2"); err != nil {
		return access.Opened{}, err
	}
	c, err := s.spend(ctx, kindSM2, nonce)
	if err != nil {
		return access.Opened{}, err
	}
	cert, err := parseCert(certPEM)
	if err != nil {
		return access.Opened{}, err
	}
	sig, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || len(sig) > 256 {
		return access.Opened{}, errs.Invalidf("signature", "签名应为 Base64 编码")
	}
	pub, _ := cert.PublicKey.(*ecdsa.PublicKey)
	if !sm2.VerifyASN1WithSM2(pub, nil, []byte(c.Data), sig) {
		return access.Opened{}, errs.New(errs.Unauthenticated, "证书签名不正确")
	}
	bound, err := certByDigest(ctx, s.db.Read(), certDigest(cert))
	if db.NoRows(err) || err == nil && bound.State != "active" {
		return access.Opened{}, errs.New(errs.Unauthenticated, "证书没有绑定账号，或绑定已解除，请联系安全管理员")
	}
	if err != nil {
		return access.Opened{}, fmt.Errorf("find certificate: %w", err)
	}
	if err := s.trusted(ctx, cert); err != nil {
		return access.Opened{}, err
	}
	if err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return touchCert(ctx, tx, bound.ID) }); err != nil {
		return access.Opened{}, err
	}
	return s.acc.OpenFor(ctx, bound.PersonID, access.MethodSM2, agent, old)
}

// trusted checks chain, validity and revocation at this moment.
func (s *Service) trusted(ctx context.Context, cert *smx509.Certificate) error {
	list, err := anchors(ctx, s.db.Read(), true)
	if err != nil {
		return err
	}
	roots := smx509.NewCertPool()
	for _, a := range list {
		roots.AppendCertsFromPEM([]byte(a.PEM))
	}
	now := s.db.Now()
	chains, err := cert.Verify(smx509.VerifyOptions{Roots: roots, Intermediates: smx509.NewCertPool(), CurrentTime: now, KeyUsages: []smx509.ExtKeyUsage{smx509.ExtKeyUsageAny}})
	if err != nil {
		var bad smx509.CertificateInvalidError
		if errors.As(err, &bad) && (now.After(cert.NotAfter) || now.Before(cert.NotBefore)) {
			return errs.Wrap(errs.Unauthenticated, "证书不在有效期内（"+cert.NotBefore.Format("2006-01-02")+" 至 "+cert.NotAfter.Format("2006-01-02")+"）", err)
		}
		return errs.Wrap(errs.Unauthenticated, "证书不是由受信任的机构签发的", err)
	}
	if cert.KeyUsage != 0 && cert.KeyUsage&smx509.KeyUsageDigitalSignature == 0 {
		return errs.New(errs.Unauthenticated, "这张证书不能用于签名，请选择签名证书")
	}
	for _, chain := range chains {
		if err := unrevoked(list, chain, now); err == nil {
			return nil
		} else if errs.Is(err, errs.Unauthenticated) {
			return err
		}
	}
	return nil
}

// unrevoked looks a chain's certificates up in their issuers' lists. An
// anchor without a list has none to ask; one whose list ran out trusts nobody.
func unrevoked(list []anchorRow, chain []*smx509.Certificate, now time.Time) error {
	for i := 0; i+1 < len(chain); i++ {
		for _, a := range list {
			if a.SKI != hex.EncodeToString(chain[i+1].SubjectKeyId) || a.CRL == "" {
				continue
			}
			if a.CRLNextAt != nil && a.CRLNextAt.Time().Before(now) {
				return errs.New(errs.Unauthenticated, "吊销列表已过期，暂不能用证书登录，请安全管理员更新吊销列表")
			}
			crl, err := parseCRL(a.CRL)
			if err != nil {
				return err
			}
			for _, r := range crl.TBSCertList.RevokedCertificates {
				if r.SerialNumber.Cmp(chain[i].SerialNumber) == 0 {
					return errs.New(errs.Unauthenticated, "证书已于 %s 吊销", r.RevocationTime.Format("2006-01-02"))
				}
			}
		}
	}
	return nil
}

// parseCert reads one SM2 certificate from PEM.
func parseCert(text string) (*smx509.Certificate, error) {
	if len(text) > maxCert {
		return nil, errs.Invalidf("certificate", "证书太大")
	}
	b, _ := pem.Decode([]byte(text))
	if b == nil || b.Type != "CERTIFICATE" {
		return nil, errs.Invalidf("certificate", "证书应为 PEM 格式（BEGIN CERTIFICATE）")
	}
	c, err := smx509.ParseCertificate(b.Bytes)
	if err != nil {
		return nil, &errs.Error{Code: errs.Invalid, Message: "证书无法解析", Fields: []errs.Field{{Name: "certificate", Message: "证书无法解析"}}, Err: err}
	}
	if !sm2.IsSM2PublicKey(c.PublicKey) {
		return nil, errs.Invalidf("certificate", "应为 SM2 证书")
	}
	return c, nil
}

func certDigest(c *smx509.Certificate) string { return digest(string(c.Raw)) }

func serialText(n *big.Int) string { return strings.ToUpper(n.Text(16)) }

// Anchor is a certificate authority that the installation trusts.
type Anchor struct {
	ID        string       `json:"id"`
	Name      string       `json:"name"`
	Subject   string       `json:"subject"`
	NotBefore clock.Stamp  `json:"notBefore"`
	NotAfter  clock.Stamp  `json:"notAfter"`
	State     string       `json:"state" enum:"active,off"`
	CRLNumber string       `json:"crlNumber"`
	CRLThisAt *clock.Stamp `json:"crlThisAt,omitempty"`
	CRLNextAt *clock.Stamp `json:"crlNextAt,omitempty"`
	Revoked   int          `json:"revoked"`
	Rev       int          `json:"rev"`
}

func (a anchorRow) view() Anchor {
	v := Anchor{ID: a.ID, Name: a.Name, Subject: a.Subject, NotBefore: a.NotBeforeAt, NotAfter: a.NotAfterAt, State: a.State, CRLNumber: a.CRLNumber, CRLThisAt: a.CRLThisAt, CRLNextAt: a.CRLNextAt, Rev: a.Rev}
	if a.CRL != "" {
		if crl, err := parseCRL(a.CRL); err == nil {
			v.Revoked = len(crl.TBSCertList.RevokedCertificates)
		}
	}
	return v
}

// Anchors lists the trusted authorities.
func (s *Service) Anchors(ctx context.Context) ([]Anchor, error) {
	if _, err := access.Need(ctx, access.SecurityView); err != nil {
		return nil, err
	}
	rows, err := anchors(ctx, s.db.Read(), false)
	out := make([]Anchor, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.view())
	}
	return out, err
}

// AddAnchor trusts an authority from now on.
func (s *Service) AddAnchor(ctx context.Context, name, certPEM string) (Anchor, error) {
	if _, err := access.Need(ctx, access.SecurityRule); err != nil {
		return Anchor{}, err
	}
	c, err := parseCert(certPEM)
	if err != nil {
		return Anchor{}, err
	}
	if !c.IsCA || len(c.SubjectKeyId) == 0 {
		return Anchor{}, errs.Invalidf("certificate", "不是签发机构证书（缺少 CA 标记或主体密钥标识）")
	}
	if strings.TrimSpace(name) == "" {
		name = c.Subject.CommonName
	}
	row := anchorRow{
		ID: ids.New(), Name: clip(name, 80), Subject: c.Subject.String(), SKI: hex.EncodeToString(c.SubjectKeyId), PEM: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})),
		NotBeforeAt: clock.At(c.NotBefore), NotAfterAt: clock.At(c.NotAfter), State: "active", Rev: 1,
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		row.CreatedAt = clock.At(tx.Now())
		if err := insert(ctx, tx, "trust anchor", &row); err != nil {
			if db.Duplicate(err) {
				return errs.Conflict("这个签发机构已经在列表中")
			}
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "signin.anchor", Object: "trustAnchor", ObjectID: row.ID, Summary: "信任签发机构 " + row.Name, After: map[string]string{"subject": row.Subject}})
	})
	return row.view(), err
}

// SetAnchor switches an authority on or off.
func (s *Service) SetAnchor(ctx context.Context, id, state, reason string, rev int) error {
	if _, err := access.Need(ctx, access.SecurityRule); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if ok, err := setAnchor(ctx, tx, id, state, rev); err != nil || !ok {
			if err == nil {
				err = errs.Conflict("签发机构刚被别人修改过，请刷新后重试")
			}
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "signin.anchor", Object: "trustAnchor", ObjectID: id, Summary: "签发机构改为 " + state, After: map[string]string{"state": state}, Reason: reason})
	})
}

// PutCRL takes an authority's revocation list, signed by it and newer than
// the one before.
func (s *Service) PutCRL(ctx context.Context, id, text string) error {
	if _, err := access.Need(ctx, access.SecurityRule); err != nil {
		return err
	}
	crl, err := parseCRL(text)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		a, err := anchorByID(ctx, tx, id)
		if db.NoRows(err) {
			return errs.NotFound("签发机构")
		}
		if err != nil {
			return fmt.Errorf("read trust anchor: %w", err)
		}
		issuer, err := parseCert(a.PEM)
		if err != nil {
			return err
		}
		if err := issuer.CheckCRLSignature(crl); err != nil {
			return &errs.Error{Code: errs.Invalid, Message: "吊销列表不是这个机构签发的", Fields: []errs.Field{{Name: "crl", Message: "签名不符"}}, Err: err}
		}
		if a.CRLThisAt != nil && crl.TBSCertList.ThisUpdate.Before(a.CRLThisAt.Time()) {
			return errs.Invalidf("crl", "吊销列表比现有的旧（%s）", crl.TBSCertList.ThisUpdate.Format("2006-01-02 15:04"))
		}
		a.CRL, a.CRLThisAt, a.CRLNextAt = text, clock.Ptr(crl.TBSCertList.ThisUpdate), nil
		a.CRLNumber = crlNumber(crl)
		if !crl.TBSCertList.NextUpdate.IsZero() {
			a.CRLNextAt = clock.Ptr(crl.TBSCertList.NextUpdate)
		}
		if err := saveCRL(ctx, tx, &a); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "signin.crl", Object: "trustAnchor", ObjectID: id, Summary: fmt.Sprintf("更新吊销列表，%d 张证书已吊销", len(crl.TBSCertList.RevokedCertificates))})
	})
}

// BoundCert is a certificate that stands for a person.
type BoundCert struct {
	ID         string       `json:"id"`
	PersonID   string       `json:"personId"`
	PersonName string       `json:"personName"`
	Serial     string       `json:"serial"`
	Subject    string       `json:"subject"`
	Issuer     string       `json:"issuer"`
	NotAfter   clock.Stamp  `json:"notAfter"`
	State      string       `json:"state" enum:"active,off"`
	CreatedAt  clock.Stamp  `json:"createdAt"`
	LastAt     *clock.Stamp `json:"lastAt,omitempty"`
}

// Certs lists the certificates of a person, or all in scope for "".
func (s *Service) Certs(ctx context.Context, personID string) ([]BoundCert, error) {
	who, err := access.From(ctx)
	if err != nil {
		return nil, err
	}
	if personID != who.ID {
		if _, err := access.Need(ctx, access.AccountManage); err != nil {
			return nil, err
		}
		if personID != "" {
			if err := s.manages(ctx, personID); err != nil {
				return nil, err
			}
		}
	}
	rows, err := certs(ctx, s.db.Read(), personID)
	if err != nil {
		return nil, err
	}
	out := make([]BoundCert, 0, len(rows))
	for _, r := range rows {
		p, err := s.acc.Person(ctx, r.PersonID)
		if err != nil {
			return nil, err
		}
		if personID == "" && s.manages(ctx, r.PersonID) != nil {
			continue
		}
		out = append(out, BoundCert{ID: r.ID, PersonID: r.PersonID, PersonName: p.Name, Serial: r.Serial, Subject: r.Subject, Issuer: r.Issuer, NotAfter: r.NotAfterAt, State: r.State, CreatedAt: r.CreatedAt, LastAt: r.LastAt})
	}
	return out, nil
}

// BindCert lets a certificate stand for a person.
func (s *Service) BindCert(ctx context.Context, personID, certPEM string) (string, error) {
	if err := s.manages(ctx, personID); err != nil {
		return "", err
	}
	c, err := parseCert(certPEM)
	if err != nil {
		return "", err
	}
	if err := s.trusted(ctx, c); err != nil {
		return "", errs.Invalidf("certificate", "%s", messageOf(err))
	}
	row := certRow{ID: ids.New(), PersonID: personID, Serial: serialText(c.SerialNumber), Subject: c.Subject.String(), Issuer: c.Issuer.String(), SKI: hex.EncodeToString(c.SubjectKeyId), Digest: certDigest(c), NotAfterAt: clock.At(c.NotAfter), State: "active"}
	return row.ID, s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		row.CreatedAt = clock.At(tx.Now())
		if err := insert(ctx, tx, "certificate", &row); err != nil {
			if db.Duplicate(err) {
				return errs.Conflict("这张证书已经绑定过账号")
			}
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "signin.cert", Object: "account", ObjectID: personID, Summary: "绑定证书 " + row.Serial, After: map[string]string{"subject": row.Subject, "serial": row.Serial}})
	})
}

// UnbindCert ends a binding for good.
func (s *Service) UnbindCert(ctx context.Context, id, reason string) error {
	row, err := certByID(ctx, s.db.Read(), id)
	if db.NoRows(err) {
		return errs.NotFound("证书")
	}
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	if err := s.manages(ctx, row.PersonID); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := dropCert(ctx, tx, id); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "signin.certOff", Object: "account", ObjectID: row.PersonID, Summary: "解除证书 " + row.Serial, Reason: reason})
	})
}

// parseCRL reads a revocation list in PEM.
func parseCRL(text string) (*pkix.CertificateList, error) {
	if len(text) > maxCRL {
		return nil, errs.Invalidf("crl", "吊销列表太大")
	}
	b, _ := pem.Decode([]byte(text))
	if b == nil || b.Type != "X509 CRL" {
		return nil, errs.Invalidf("crl", "吊销列表应为 PEM 格式（BEGIN X509 CRL）")
	}
	crl, err := smx509.ParseDERCRL(b.Bytes)
	if err != nil {
		return nil, &errs.Error{Code: errs.Invalid, Message: "吊销列表无法解析", Fields: []errs.Field{{Name: "crl", Message: "无法解析"}}, Err: err}
	}
	return crl, nil
}

// crlNumber reads the list's number; empty when it has none.
func crlNumber(crl *pkix.CertificateList) string {
	for _, e := range crl.TBSCertList.Extensions {
		var n *big.Int
		if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 20}) {
			if _, err := asn1.Unmarshal(e.Value, &n); err == nil && n.BitLen() <= 160 {
				return n.String()
			}
		}
	}
	return ""
}
