package fetch_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/api/modelv1"
	"jiexun/models"
	"jiexun/models/internal/fetch"
)

const pkg, version = "jiexun-test-weights", "1.2.3"

// registry serves one package to the real npm client.
type registry struct {
	tarball []byte
	mu      sync.Mutex
	// sent is what goes over the wire; tests damage it.
	sent []byte
	// announced is the digest in the package's description.
	announced string
	downloads atomic.Int32
}

func integrity(b []byte) string {
	sum := sha512.Sum512(b)
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

func newRegistry(t *testing.T, files map[string][]byte) *registry {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	files["package/package.json"] = []byte(`{"name":"` + pkg + `","version":"` + version + `","scripts":{"preinstall":"exit 1","prepack":"exit 1"}}`)
	for name, data := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return &registry{tarball: b.Bytes(), sent: b.Bytes(), announced: integrity(b.Bytes())}
}

// publish changes what the registry sends and announces from now on.
func (r *registry) publish(sent []byte, announced string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent, r.announced = sent, announced
}

func (r *registry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.HasSuffix(q.URL.Path, ".tgz") {
		r.downloads.Add(1)
		_, _ = w.Write(r.sent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"name": pkg, "dist-tags": map[string]string{"latest": version},
		"versions": map[string]any{version: map[string]any{
			"name": pkg, "version": version,
			"dist": map[string]string{"integrity": r.announced, "tarball": "http://" + q.Host + "/" + pkg + "/-/" + pkg + "-" + version + ".tgz"},
		}},
	})
}

func digest(b []byte) modelv1.Digest {
	sha, sm := sha256.Sum256(b), sm3.Sum(b)
	return modelv1.Digest{Size: int64(len(b)), SHA256: hex.EncodeToString(sha[:]), SM3: hex.EncodeToString(sm[:])}
}

// model is a manifest of a text finder whose weights are bytes 4 to 4+n of
// the package's file.
func model(name string, r *registry, weights []byte) modelv1.Manifest {
	return modelv1.Manifest{
		Schema: 1, Name: name, Version: "1", Head: modelv1.HeadDB,
		Source: modelv1.Source{
			Ecosystem: modelv1.NPM, Package: pkg, Version: version, Integrity: r.announced, Size: int64(len(r.tarball)),
			Parts: []modelv1.Part{{Path: "package/all.bin", Offset: 4, Length: int64(len(weights)), As: modelv1.WeightsFile, Digest: digest(weights)}},
		},
		Files: []modelv1.File{{Name: modelv1.WeightsFile, Digest: digest(weights)}},
		Input: modelv1.Input{
			Name: "x", Layout: "NCHW", Multiple: 32, Planes: []string{"R", "G", "B"}, Scale: 1,
			Mean: []float64{0, 0, 0}, Std: []float64{1, 1, 1},
		},
		Outputs: []modelv1.Output{{Name: "y", Holds: "map", Activation: "none"}},
		Licence: modelv1.Licence{SPDX: "MIT"},
	}
}

type bench struct {
	*fetch.Fetcher
	reg     *registry
	log     *bytes.Buffer
	weights []byte
}

func setUp(t *testing.T) *bench {
	t.Helper()
	weights := bytes.Repeat([]byte("weights "), 1000)
	reg := newRegistry(t, map[string][]byte{
		"package/all.bin": append(append([]byte("head"), weights...), "tail"...),
		"package/lib.so":  []byte("library"),
	})
	m := model("one", reg, weights)
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	lib := modelv1.Library{Schema: 1, Name: "lib", Version: "1", Licence: modelv1.Licence{SPDX: "MIT"}, Platforms: map[string]modelv1.LibraryVariant{
		"linux/test": {Source: m.Source, File: modelv1.File{Name: "lib.so", Digest: digest([]byte("library"))}},
	}}
	v := lib.Platforms["linux/test"]
	v.Source.Parts = []modelv1.Part{{Path: "package/lib.so", As: "lib.so", Digest: v.File.Digest}}
	lib.Platforms["linux/test"] = v
	srv := httptest.NewServer(reg)
	t.Cleanup(srv.Close)
	log := &bytes.Buffer{}
	dir := t.TempDir()
	return &bench{reg: reg, log: log, weights: weights, Fetcher: &fetch.Fetcher{
		Catalogue: &models.Catalogue{Models: []modelv1.Manifest{m}, Libraries: []modelv1.Library{lib}},
		Local:     filepath.Join(dir, "local"), NPM: "npm", Platform: "linux/test", Log: log, Now: time.Now,
		Env: []string{
			"npm_config_registry=" + srv.URL, "npm_config_cache=" + filepath.Join(dir, "npm"), "npm_config_fetch_retries=0",
			"npm_config_update_notifier=false", "npm_config_proxy=", "npm_config_https_proxy=", "http_proxy=", "HTTP_PROXY=",
		},
	}}
}

func (b *bench) path(parts ...string) string {
	return filepath.Join(append([]string{b.Local}, parts...)...)
}

func TestFetchInstallsOnceAndThenAsksNobody(t *testing.T) {
	b := setUp(t)
	if err := b.Fetch(t.Context(), fetch.Selection{}); err != nil {
		t.Fatalf("%v\n%s", err, b.log)
	}
	got, err := os.ReadFile(b.path("models/one/model.onnx"))
	if err != nil || !bytes.Equal(got, b.weights) {
		t.Fatalf("weights: %d bytes, %v", len(got), err)
	}
	if lib, err := os.ReadFile(b.path("lib/lib.so")); err != nil || string(lib) != "library" {
		t.Fatalf("library: %q, %v", lib, err)
	}
	manifest, err := os.ReadFile(b.path("models/one/manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if m, err := modelv1.Parse(manifest); err != nil || m.Name != "one" {
		t.Fatalf("manifest %+v, %v", m, err)
	}
	if n := b.reg.downloads.Load(); n != 1 {
		t.Errorf("%d downloads for one package", n)
	}
	left, err := filepath.Glob(b.path("cache/*"))
	if err != nil || len(left) != 1 {
		t.Errorf("the cache still holds %v", left)
	}
	// The second run must not need npm at all.
	b.NPM = "/nonexistent/npm"
	if err := b.Fetch(t.Context(), fetch.Selection{}); err != nil {
		t.Fatal(err)
	}
	if err := b.Verify(t.Context(), fetch.Selection{}); err != nil {
		t.Fatal(err)
	}
}

func TestTamperedDownloadsAreRefused(t *testing.T) {
	b := setUp(t)
	other := newRegistry(t, map[string][]byte{"package/all.bin": []byte("something else")}).tarball
	// The transfer differs from what the registry announces: npm refuses.
	b.reg.publish(other, integrity(b.reg.tarball))
	if err := b.Fetch(t.Context(), fetch.Selection{}); err == nil || !strings.Contains(err.Error(), "EINTEGRITY") {
		t.Errorf("damaged transfer: %v", err)
	}
	// The registry announces the other package: the manifest refuses.
	b.reg.publish(other, integrity(other))
	b.Env = append(b.Env, "npm_config_cache="+t.TempDir())
	err := b.Fetch(t.Context(), fetch.Selection{})
	if !errors.Is(err, fetch.ErrDigest) || !strings.Contains(err.Error(), pkg) || !strings.Contains(err.Error(), "registry") {
		t.Errorf("replaced package: %v", err)
	}
	if _, err := os.Stat(b.path("models/one")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was installed: %v", err)
	}
	b.reg.publish(b.reg.tarball, integrity(b.reg.tarball))
	b.Env = append(b.Env, "npm_config_cache="+t.TempDir())
	if err := b.Fetch(t.Context(), fetch.Selection{}); err != nil {
		t.Errorf("after the registry was repaired: %v", err)
	}
}

func TestDamagedCacheIsFetchedAgainAndAGoodOneIsUsed(t *testing.T) {
	b := setUp(t)
	cached := b.path("cache", pkg+"-"+version+".tgz")
	if err := os.MkdirAll(b.path("cache", "tmp-models-old"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cached, b.reg.tarball[:100], 0o644); err != nil {
		t.Fatal(err)
	}
	if err := b.Fetch(t.Context(), fetch.Selection{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.log.String(), "fetched again") {
		t.Errorf("the log does not name the damaged file:\n%s", b.log)
	}
	if _, err := os.Stat(b.path("cache", "tmp-models-old")); !errors.Is(err, os.ErrNotExist) {
		t.Error("what an interrupted run left is still there")
	}
	// A complete package file of an interrupted run needs no download.
	if err := os.RemoveAll(b.path("models")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cached, b.reg.tarball, 0o644); err != nil {
		t.Fatal(err)
	}
	b.NPM = "/nonexistent/npm"
	if err := b.Fetch(t.Context(), fetch.Selection{}); err != nil {
		t.Error(err)
	}
}

func TestChangedFilesAreNoticed(t *testing.T) {
	b := setUp(t)
	if err := b.Fetch(t.Context(), fetch.Selection{}); err != nil {
		t.Fatal(err)
	}
	weights := b.path("models/one/model.onnx")
	st, err := os.Stat(weights)
	if err != nil {
		t.Fatal(err)
	}
	// Same length, same time: only hashing sees it.
	bad := bytes.Clone(b.weights)
	bad[0] ^= 1
	if err := os.WriteFile(weights, bad, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(weights, st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := b.Verify(t.Context(), fetch.Selection{}); !errors.Is(err, fetch.ErrDigest) || !strings.Contains(err.Error(), weights) {
		t.Errorf("verify: %v", err)
	}
	if err := b.Fetch(t.Context(), fetch.Selection{}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(weights); err != nil || !bytes.Equal(got, b.weights) {
		t.Errorf("not repaired: %v", err)
	}
	// Another length is seen without hashing.
	if err := os.WriteFile(weights, bad[:10], 0o644); err != nil {
		t.Fatal(err)
	}
	if s, err := b.Status(fetch.Selection{Only: []string{"one"}}); err != nil || len(s) != 1 || s[0].Installed || !strings.Contains(s[0].Reason, "model.onnx") {
		t.Errorf("status %+v, %v", s, err)
	}
}

func TestPartsThatDifferFromTheManifestAreRefused(t *testing.T) {
	for what, spoil := range map[string]func(*modelv1.Manifest){
		"all.bin has SHA-256": func(m *modelv1.Manifest) { m.Source.Parts[0].Offset = 3 },
		"does not hold 1":     func(m *modelv1.Manifest) { m.Source.Parts[0].Path = "package/other" },
		"bytes, the manifest": func(m *modelv1.Manifest) { m.Source.Parts[0].Offset = 7000 },
	} {
		b := setUp(t)
		spoil(&b.Catalogue.Models[0])
		err := b.Fetch(t.Context(), fetch.Selection{Only: []string{"one"}})
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := os.Stat(b.path("models/one")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: something was installed", what)
		}
		if _, err := os.Stat(b.path("cache", pkg+"-"+version+".tgz")); err != nil {
			t.Errorf("%s: the verified package file was not kept: %v", what, err)
		}
	}
}

func TestSelectionAndCancelling(t *testing.T) {
	b := setUp(t)
	b.Catalogue.Models[0].Optional = true
	if err := b.Fetch(t.Context(), fetch.Selection{Only: []string{"two"}}); err == nil || !strings.Contains(err.Error(), "two") {
		t.Errorf("unknown name: %v", err)
	}
	b.Platform = "plan9/mips"
	if err := b.Fetch(t.Context(), fetch.Selection{}); err == nil || !strings.Contains(err.Error(), "plan9/mips") {
		t.Errorf("unknown platform: %v", err)
	}
	b.Platform = "linux/test"
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Fetch(ctx, fetch.Selection{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := b.Fetch(t.Context(), fetch.Selection{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(b.path("models/one")); !errors.Is(err, os.ErrNotExist) {
		t.Error("an optional network was installed unasked")
	}
	if err := b.Fetch(t.Context(), fetch.Selection{With: []string{"one"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(b.path("models/one/model.onnx")); err != nil {
		t.Error(err)
	}
}

func TestTwoFetchesAtOnceShareTheWork(t *testing.T) {
	b := setUp(t)
	errs := make(chan error, 2)
	for i := range 2 {
		f := *b.Fetcher
		f.Log = &bytes.Buffer{}
		go func() {
			if err := f.Fetch(context.Background(), fetch.Selection{}); err != nil {
				errs <- fmt.Errorf("fetch %d: %w", i, err)
				return
			}
			errs <- nil
		}()
	}
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := b.reg.downloads.Load(); n != 1 {
		t.Errorf("%d downloads", n)
	}
}
