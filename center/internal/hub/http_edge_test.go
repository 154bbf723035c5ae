package hub_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/testkit"
)

func do(t *testing.T, c *http.Client, method, url string, body []byte, headers map[string]string) (int, []byte, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, b, res.Header
}

func TestEvidence(t *testing.T) {
	c := clock.NewFake(testkit.Start())
	r := newRig(t, testkit.SQLite(t, c), c)
	b := r.enrol("e1")
	data := bytes.Repeat([]byte("jpeg bytes "), 5000)
	digest := blob.Digest(data)
	url := "https://" + r.hub.HTTPSAddr() + "/edge/v1/evidence/" + digest
	head := func(offset int) map[string]string {
		return map[string]string{"Upload-Offset": strconv.Itoa(offset), "Upload-Length": strconv.Itoa(len(data)), "Content-Type": "image/jpeg"}
	}
	steps := []struct {
		name    string
		method  string
		url     string
		body    []byte
		headers map[string]string
		code    int
		offset  string
		has     string
	}{
		{"unknown", "HEAD", url, nil, nil, 404, "", ""},
		{"first part", "PATCH", url, data[:20000], head(0), 204, "20000", ""},
		{"part is there", "HEAD", url, nil, nil, 204, "20000", ""},
		{"wrong offset", "PATCH", url, data[100:], head(100), 409, "20000", "20000"},
		{"no offset", "PATCH", url, data, nil, 422, "", "Upload-Offset"},
		{"wrong type", "PATCH", url, data, map[string]string{"Upload-Offset": "20000", "Upload-Length": strconv.Itoa(len(data)), "Content-Type": "text/html"}, 422, "", "Content-Type"},
		{"too long", "PATCH", url, nil, map[string]string{"Upload-Offset": "0", "Upload-Length": strconv.Itoa(edgev1.MaxEvidenceKB<<10 + 1), "Content-Type": "image/jpeg"}, 413, "", "上限"},
		{"the rest", "PATCH", url, data[20000:], head(20000), 204, strconv.Itoa(len(data)), ""},
		{"whole", "HEAD", url, nil, nil, 200, "", ""},
		{"again", "PATCH", url, data, head(0), 204, strconv.Itoa(len(data)), ""},
		{"no digest", "HEAD", strings.TrimSuffix(url, digest) + "abc", nil, nil, 422, "", ""},
	}
	for _, s := range steps {
		code, body, h := do(t, b.http, s.method, s.url, s.body, s.headers)
		if code != s.code || h.Get("Upload-Offset") != s.offset || !strings.Contains(string(body), s.has) {
			t.Errorf("%s: %d, offset %q, %s", s.name, code, h.Get("Upload-Offset"), body)
		}
	}
	got, ref, err := r.blobs.ReadAll(t.Context(), digest)
	if err != nil || !bytes.Equal(got, data) || ref.MediaType != "image/jpeg" {
		t.Fatalf("stored %d bytes of %s, %v", len(got), ref.MediaType, err)
	}
	// A file that is not what its digest says is thrown away.
	other := blob.Digest([]byte("something else"))
	code, body, _ := do(t, b.http, "PATCH", strings.Replace(url, digest, other, 1), data, head(0))
	if code != 422 || !strings.Contains(string(body), "不符") || r.refused("evidenceDigest") != 1 {
		t.Errorf("wrong digest: %d %s", code, body)
	}
	if code, _, _ := do(t, b.http, "HEAD", strings.Replace(url, digest, other, 1), nil, nil); code != 404 {
		t.Errorf("thrown away file answers %d", code)
	}
	// A full disk is said so, and counted.
	full := blob.Digest([]byte("full"))
	if err := os.Symlink("/dev/full", filepath.Join(r.dir, "partial", "e1-"+full)); err != nil {
		t.Fatal(err)
	}
	code, body, _ = do(t, b.http, "PATCH", strings.Replace(url, digest, full, 1), data, head(0))
	if code != 507 || !strings.Contains(string(body), "磁盘空间不足") || r.refused("diskFull") != 1 {
		t.Errorf("full disk: %d %s", code, body)
	}
	r.reg.revoked["e1"] = true
	if code, _, _ := do(t, b.http, "HEAD", url, nil, nil); code != 403 {
		t.Errorf("revoked box gets %d", code)
	}
}
