package app

import (
	"context"
	"crypto/x509/pkix"
	"errors"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/emmansun/gmsm/smx509"
	"github.com/gofiber/fiber/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

// SignatureCheck is one signature and whether it holds.
type SignatureCheck struct {
	// State is ok, tampered (the content or the signature was changed),
	// missing (the file is not in the store) or unknown (another center's
	// key).
	State string `json:"state" enum:"ok,tampered,missing,unknown"`
	// What says it in a sentence.
	What       string      `json:"what"`
	Name       string      `json:"name"`
	Object     string      `json:"object"`
	ObjectID   string      `json:"objectId"`
	SM3        string      `json:"sm3" doc:"Digest that was signed"`
	FoundSM3   string      `json:"foundSm3" doc:"Digest of the content as it is now"`
	SignerName string      `json:"signerName"`
	At         clock.Stamp `json:"at"`
	KeyID      string      `json:"keyId"`
	Alg        string      `json:"alg"`
	Subject    string      `json:"subject"`
	Issuer     string      `json:"issuer"`
	NotAfter   clock.Stamp `json:"notAfter"`
	// Message, Value and Cert are for checking it with another tool.
	Message string `json:"message"`
	Value   string `json:"value"`
	Cert    string `json:"cert"`
}

// SignatureReport is the answer of the page that checks signatures.
type SignatureReport struct {
	SM3    string           `json:"sm3"`
	Checks []SignatureCheck `json:"checks"`
}

// registerVerify adds the checking of signatures: of a file that somebody
// brings, and of what lies in the store.
func (a *App) registerVerify(op func(id, method, path, summary string) huma.Operation) {
	httpx.Raw(a.fiber, a.api, httpx.SignedIn, http.MethodPost, "/api/signatures/check", a.checkUploaded)
	type in struct {
		SM3    string `query:"sm3" maxLength:"64"`
		Object string `query:"object" maxLength:"32"`
		ID     string `query:"id" maxLength:"64"`
	}
	httpx.Register(a.api, httpx.SignedIn, op("check-signatures", http.MethodGet, "/api/signatures", "Check the signatures of a record or a stored file"),
		func(ctx context.Context, in *in) (*httpx.Body[SignatureReport], error) {
			if _, err := access.From(ctx); err != nil {
				return nil, err
			}
			return httpx.Out(a.checkStored(ctx, in.SM3, in.Object, in.ID))
		})
}

// checkUploaded takes the bytes of a file. With ?object=…&id=… it is compared
// with what was signed for that record, so that a changed file is named as
// such; else its digest is looked up.
func (a *App) checkUploaded(c *fiber.Ctx) error {
	ctx := c.UserContext()
	if _, err := access.From(ctx); err != nil {
		return err
	}
	body := c.Body()
	if len(body) == 0 || len(body) > maxPicture {
		return errs.Invalidf("body", "请选择一个不超过 %d MB 的文件", maxPicture>>20)
	}
	digest := blob.Digest(body)
	out := SignatureReport{SM3: digest, Checks: []SignatureCheck{}}
	var list []crypto.Signed
	var err error
	if object := c.Query("object"); object != "" {
		if err := a.seesRecord(ctx, object, c.Query("id")); err != nil {
			return err
		}
		list, err = a.keys.SignedOf(ctx, object, c.Query("id"))
		list = nearest(list, digest)
	} else {
		list, err = a.keys.SignedBy(ctx, digest)
	}
	if err != nil {
		return err
	}
	for _, s := range list {
		x := a.judge(s, digest)
		if a.seesRecord(ctx, s.Object, s.ObjectID) != nil {
			x.ObjectID, x.Name = "", "（不在您的数据范围内）"
		}
		out.Checks = append(out.Checks, x)
	}
	return c.JSON(out)
}

// nearest keeps the signatures of a file's digest when there are some.
func nearest(list []crypto.Signed, digest string) []crypto.Signed {
	same := []crypto.Signed{}
	for _, s := range list {
		if s.SM3 == digest {
			same = append(same, s)
		}
	}
	if len(same) > 0 {
		return same
	}
	return list
}

// checkStored reads the files as they lie in the store and checks them
// against what was signed.
func (a *App) checkStored(ctx context.Context, sm3, object, id string) (SignatureReport, error) {
	out := SignatureReport{SM3: sm3, Checks: []SignatureCheck{}}
	var list []crypto.Signed
	switch {
	case object != "":
		if err := a.seesRecord(ctx, object, id); err != nil {
			return out, err
		}
		var err error
		if list, err = a.keys.SignedOf(ctx, object, id); err != nil {
			return out, err
		}
	case blob.ValidDigest(sm3):
		ok, err := a.maySee(ctx, sm3)
		if err != nil {
			return out, err
		}
		if !ok {
			return out, errs.NotFound("文件")
		}
		if list, err = a.keys.SignedBy(ctx, sm3); err != nil {
			return out, err
		}
	default:
		return out, errs.Invalidf("sm3", "请给出文件的 SM3（64 位小写十六进制），或记录的类别与编号")
	}
	for _, s := range list {
		found, err := a.storedDigest(ctx, s.SM3)
		if err != nil {
			return out, err
		}
		out.Checks = append(out.Checks, a.judge(s, found))
	}
	return out, nil
}

// storedDigest reads a file of the store anew; empty when it is not there.
func (a *App) storedDigest(ctx context.Context, sm3 string) (string, error) {
	f, _, err := a.blobs.Open(ctx, sm3)
	if errs.Is(err, errs.NotFoundCode) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	return blob.Digest(b), nil
}

// judge says whether a signature holds over content with the found digest.
func (a *App) judge(s crypto.Signed, found string) SignatureCheck {
	x := SignatureCheck{
		Name: s.Name, Object: s.Object, ObjectID: s.ObjectID, SM3: s.SM3, FoundSM3: found, SignerName: s.SignerName, At: s.At,
		KeyID: s.KeyID, Alg: s.Alg, Value: s.Value, Cert: s.Cert, Message: string(s.Message(s.SM3)),
	}
	if c, err := smx509.ParseCertificatePEM([]byte(s.Cert)); err == nil {
		x.Subject, x.Issuer, x.NotAfter = nameOf(c.Subject), nameOf(c.Issuer), clock.At(c.NotAfter)
	}
	err := a.keys.VerifyDigest(s.Signature, s.SM3)
	switch {
	case errors.Is(err, crypto.ErrUnknownKey):
		x.State, x.What = "unknown", "签名密钥不属于本中心，无法判断"
	case err != nil:
		x.State, x.What = "tampered", "签名记录被改动过：签名与所记摘要、时间不符"
	case found == "":
		x.State, x.What = "missing", "签名有效，但文件已不在库中"
	case found != s.SM3:
		x.State, x.What = "tampered", "文件被改动过：内容的 SM3 与签名时不同"
	default:
		x.State, x.What = "ok", "签名有效，内容未被改动"
	}
	if x.State == "tampered" {
		a.keys.Tell(crypto.Tamper{Purpose: s.Purpose, Where: s.Object + ":" + s.ObjectID, What: x.What})
	}
	return x
}

func nameOf(n pkix.Name) string { return n.CommonName }

func errNoRun() error { return errs.NotFound("任务") }

// rotateProblem tells an unknown purpose from a failure.
func rotateProblem(err error) error {
	if errors.Is(err, crypto.ErrUnknownKey) {
		return errs.Invalidf("purpose", "没有这个用途的密钥")
	}
	return err
}
