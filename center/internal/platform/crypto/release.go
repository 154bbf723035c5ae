package crypto

import (
	"bytes"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/smx509"

	"jiexun/center/internal/platform/clock"
)

// ReleaseName is the name of a release's manifest in its folder.
const ReleaseName = "release.json"

// releasePurpose names what signs releases. The key lies where releases are
// built and never in a center.
const releasePurpose = "release"

// Bounds of a manifest that is read.
const (
	maxReleaseBytes = 8 << 20
	maxReleaseFiles = 20_000
)

// ReleaseFile is one file of a release.
type ReleaseFile struct {
	Path string `json:"path"` // slashes, from the manifest's folder
	Size int64  `json:"size"`
	SM3  string `json:"sm3"`
}

// Release lists the files of a release, signed.
type Release struct {
	Format    int           `json:"format"`
	Version   string        `json:"version"`
	Files     []ReleaseFile `json:"files"`
	Signature Signature     `json:"signature"`
}

func (r Release) signed() ([]byte, error) {
	r.Signature = Signature{}
	return json.Marshal(r)
}

// ReleaseKey makes a key for signing releases and its certificate, as PEM.
func ReleaseKey(name string, now time.Time) (keyPEM, certPEM []byte, err error) {
	k, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make release key: %w", err)
	}
	serial := make([]byte, 16)
	if _, err := rand.Read(serial); err != nil {
		return nil, nil, fmt.Errorf("make release key: %w", err)
	}
	serial[0] &= 0x7f
	t := &smx509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: name, Organization: []string{"街巡"}},
		NotBefore: now.Add(-time.Minute), NotAfter: now.AddDate(certYears, 0, 0), KeyUsage: smx509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	der, err := smx509.CreateCertificate(rand.Reader, t.ToX509(), t.ToX509(), &k.PublicKey, k)
	if err != nil {
		return nil, nil, fmt.Errorf("make release certificate: %w", err)
	}
	raw, err := smx509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, nil, fmt.Errorf("write release key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// CertDigest is the SM3 of a certificate: what a binary is built with to know
// whose releases it trusts.
func CertDigest(certPEM []byte) (string, error) {
	b, _ := pem.Decode(certPEM)
	if b == nil || b.Type != "CERTIFICATE" {
		return "", errors.New("read certificate: not a PEM certificate")
	}
	return Digest(b.Bytes), nil
}

// SignRelease digests all files of a folder and writes the signed manifest
// beside them.
func SignRelease(dir, version string, keyPEM, certPEM []byte, now time.Time) (Release, error) {
	r := Release{Format: 1, Version: version}
	b, _ := pem.Decode(keyPEM)
	if b == nil {
		return r, errors.New("read release key: not PEM")
	}
	parsed, err := smx509.ParsePKCS8PrivateKey(b.Bytes)
	key, ok := parsed.(*sm2.PrivateKey)
	if err != nil || !ok {
		return r, fmt.Errorf("read release key: not an SM2 key in PKCS #8: %w", err)
	}
	if r.Files, err = releaseFiles(dir); err != nil {
		return r, err
	}
	r.Signature = Signature{Alg: AlgSM2, Purpose: releasePurpose, At: clock.At(now), Cert: string(certPEM)}
	if r.Signature.KeyID, err = CertDigest(certPEM); err != nil {
		return r, err
	}
	body, err := r.signed()
	if err != nil {
		return r, fmt.Errorf("sign release: %w", err)
	}
	e, err := sm2Digest(&key.PublicKey, r.Signature.Message(Digest(body)))
	if err != nil {
		return r, fmt.Errorf("sign release: %w", err)
	}
	v, err := sm2.SignASN1(rand.Reader, key, e, nil)
	if err != nil {
		return r, fmt.Errorf("sign release: %w", err)
	}
	r.Signature.Value = base64.StdEncoding.EncodeToString(v)
	if err := VerifyWithCert(string(certPEM), r.Signature, Digest(body)); err != nil {
		return r, fmt.Errorf("sign release: key and certificate do not belong together: %w", err)
	}
	out, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return r, fmt.Errorf("write release manifest: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, ReleaseName), append(out, '\n'), 0o644); err != nil { // #nosec G306 -- a public list
		return r, fmt.Errorf("write release manifest: %w", err)
	}
	return r, nil
}

func releaseFiles(dir string) ([]ReleaseFile, error) {
	var out []ReleaseFile
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil || rel == ReleaseName {
			return err
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is not a plain file", rel)
		}
		sum, n, err := fileDigest(p)
		out = append(out, ReleaseFile{filepath.ToSlash(rel), n, sum})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list release files: %w", err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("list release files: %s holds none", dir)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out, nil
}

func fileDigest(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }()
	h := sm3.New()
	n, err := io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), n, err
}

// ParseRelease reads a manifest; its signature is not checked.
func ParseRelease(b []byte) (Release, error) {
	var r Release
	if len(b) > maxReleaseBytes {
		return r, errors.New("release manifest is too long")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return r, fmt.Errorf("release manifest is not JSON of the known form: %w", err)
	}
	if r.Format != 1 || len(r.Files) == 0 || len(r.Files) > maxReleaseFiles {
		return r, fmt.Errorf("release manifest has format %d and %d files", r.Format, len(r.Files))
	}
	for _, f := range r.Files {
		if !fs.ValidPath(f.Path) || strings.Contains(f.Path, "\\") || !isDigest(f.SM3) || f.Size < 0 {
			return r, fmt.Errorf("release manifest: entry %.80q is not a file with its SM3", f.Path)
		}
	}
	return r, nil
}

// CheckRelease checks a manifest by the digest of the certificate that is
// trusted, and every file that it lists. must names files (paths on disk) that
// it has to list, such as the running program. The error names the first file
// that is not as it was signed.
func CheckRelease(manifest, trusted string, must ...string) (Release, error) {
	b, err := os.ReadFile(manifest)
	if err != nil {
		return Release{}, fmt.Errorf("read release manifest: %w", err)
	}
	r, err := ParseRelease(b)
	if err != nil {
		return r, err
	}
	if d, err := CertDigest([]byte(r.Signature.Cert)); err != nil || d != trusted {
		return r, fmt.Errorf("check release manifest: %w: its certificate is not the trusted one (%.16s…)", ErrTampered, trusted)
	}
	body, err := r.signed()
	if err != nil {
		return r, err
	}
	if r.Signature.Purpose != releasePurpose {
		return r, fmt.Errorf("check release manifest: %w: signed for another purpose", ErrTampered)
	}
	if err := VerifyWithCert(r.Signature.Cert, r.Signature, Digest(body)); err != nil {
		return r, fmt.Errorf("check release manifest: %w", err)
	}
	dir := filepath.Dir(manifest)
	listed := map[string]bool{}
	for _, f := range r.Files {
		p := filepath.Join(dir, filepath.FromSlash(f.Path))
		listed[realPath(p)] = true
		sum, n, err := fileDigest(p)
		if err != nil {
			return r, fmt.Errorf("check release file %s: %w: %w", f.Path, ErrTampered, err)
		}
		if sum != f.SM3 || n != f.Size {
			return r, fmt.Errorf("check release file %s: %w: its SM3 is not the signed one", f.Path, ErrTampered)
		}
	}
	for _, m := range must {
		if !listed[realPath(m)] {
			return r, fmt.Errorf("check release: %w: %s is not of this release", ErrTampered, m)
		}
	}
	return r, nil
}

func realPath(p string) string {
	if r, err := filepath.EvalSymlinks(p); err == nil {
		p = r
	}
	if a, err := filepath.Abs(p); err == nil {
		p = a
	}
	return p
}
