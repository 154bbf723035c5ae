// Package infer runs the neural networks of the edge box with ONNX Runtime.
// One session of each network serves all cameras: callers wait their turn in
// order of arrival, a bounded number of runs go on at once, and pictures of
// one size that wait together share a run where the network allows it.
//
// The package decodes boxes, text maps and judgements into the types of
// package analytic, whose interfaces its networks satisfy.
package infer

import (
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/emmansun/gmsm/sm3"
	ort "github.com/yalue/onnxruntime_go"
	"golang.org/x/sync/semaphore"

	"jiexun/api/edgev1"
	"jiexun/api/modelv1"
)

// LibraryFile is the name of the runtime library in the folder lib.
const LibraryFile = "libonnxruntime.so"

// Where networks run.
const (
	ProviderCPU  = "cpu"
	ProviderCUDA = "cuda"
)

// ErrMissing is wrapped when the library or a network is not installed.
var ErrMissing = errors.New("not installed, run make setup")

// ErrClosed is returned by networks whose Runtime was closed.
var ErrClosed = errors.New("inference is shut down")

// Options configures a Runtime. The zero value of each field but Local means
// its default.
type Options struct {
	// Local is the folder that holds lib/ and models/.
	Local string
	// Provider is cpu (default) or cuda. When cuda cannot be started the
	// networks run on the cpu and the reason is logged.
	Provider string
	// Threads is how many threads one run uses; 1 costs least in total.
	Threads int
	// Parallel is how many runs go on at once over all networks; the number
	// of cores divided by Threads by default.
	Parallel int
	// MaxBatch is how many pictures share a run where the network allows
	// it: 1 by default on the cpu, where sharing saves nothing, 8 on cuda.
	MaxBatch int
	// Log gets what an operator must know; discarded by default.
	Log *slog.Logger
	// Now is the clock for the cost counters.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.Provider == "" {
		o.Provider = ProviderCPU
	}
	o.Threads = max(1, o.Threads)
	if o.Parallel < 1 {
		o.Parallel = max(1, runtime.NumCPU()/o.Threads)
	}
	if o.MaxBatch < 1 {
		o.MaxBatch = 1
		if o.Provider == ProviderCUDA {
			o.MaxBatch = 8
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Runtime holds the loaded networks. It is safe for concurrent use.
type Runtime struct {
	opts  Options
	slots *semaphore.Weighted

	mu     sync.Mutex
	closed bool
	nets   map[string]*network
}

// starting guards the start of the native library, which exists once per
// process whatever the number of Runtimes; it is never unloaded.
var starting sync.Mutex

// Open starts the native library.
func Open(opts Options) (*Runtime, error) {
	opts = opts.withDefaults()
	if opts.Provider != ProviderCPU && opts.Provider != ProviderCUDA {
		return nil, fmt.Errorf("inference provider %q is unknown, use cpu or cuda", opts.Provider)
	}
	lib := filepath.Join(opts.Local, "lib", LibraryFile)
	starting.Lock()
	defer starting.Unlock()
	if !ort.IsInitialized() {
		if _, err := os.Stat(lib); err != nil {
			return nil, fmt.Errorf("inference library %s: %w", lib, ErrMissing)
		}
		ort.SetSharedLibraryPath(lib)
		if err := ort.InitializeEnvironment(ort.WithLogLevelError()); err != nil {
			return nil, fmt.Errorf("start the inference library %s: %w", lib, err)
		}
	}
	return &Runtime{opts: opts, slots: semaphore.NewWeighted(int64(opts.Parallel)), nets: map[string]*network{}}, nil
}

// Version is the version of the native library.
func (r *Runtime) Version() string { return ort.GetVersion() }

// Close waits for the runs that go on and frees the networks. Calls that
// still wait get ErrClosed.
func (r *Runtime) Close() error {
	r.mu.Lock()
	r.closed = true
	nets := r.nets
	r.nets = nil
	r.mu.Unlock()
	var errs []error
	for _, n := range nets {
		errs = append(errs, n.close())
	}
	return errors.Join(errs...)
}

// Manifest reads the manifest of an installed network.
func (r *Runtime) Manifest(name string) (modelv1.Manifest, error) {
	m, _, err := readManifest(r.dir(name))
	return m, err
}

func (r *Runtime) dir(name string) string { return filepath.Join(r.opts.Local, "models", name) }

func readManifest(dir string) (modelv1.Manifest, string, error) {
	path := filepath.Join(dir, modelv1.ManifestFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return modelv1.Manifest{}, path, fmt.Errorf("model %s: %w", path, ErrMissing)
	}
	if err != nil {
		return modelv1.Manifest{}, path, fmt.Errorf("read the model's manifest: %w", err)
	}
	m, err := modelv1.Parse(data)
	if err != nil {
		return modelv1.Manifest{}, path, fmt.Errorf("read %s: %w", path, err)
	}
	return m, path, nil
}

// load gives the network that lies in dir, loading it on the first call. Its
// files are compared with the manifest's digests before they are used.
func (r *Runtime) load(dir string) (*network, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	if n, ok := r.nets[dir]; ok {
		return n, nil
	}
	m, _, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	digest := ""
	for _, f := range m.Files {
		data, err := readFile(dir, f)
		if err != nil {
			return nil, fmt.Errorf("model %s: %w", m.Name, err)
		}
		files[f.Name] = data
		if f.Name == modelv1.WeightsFile {
			digest = f.SM3
		}
	}
	n := &network{rt: r, m: m, ref: edgev1.ModelRef{Name: m.Name, Version: m.Version, Digest: digest}}
	if err := n.open(files[modelv1.WeightsFile]); err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	if m.Dictionary != "" {
		n.dictionary = files[m.Dictionary]
	}
	r.nets[dir] = n
	return n, nil
}

func readFile(dir string, f modelv1.File) ([]byte, error) {
	path := filepath.Join(dir, f.Name)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, ErrMissing)
	}
	if err != nil {
		return nil, fmt.Errorf("read the model: %w", err)
	}
	sum := sm3.Sum(data)
	if subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(f.SM3)) != 1 {
		return nil, fmt.Errorf("%s is not the file that its manifest describes (SM3 differs): install it again", path)
	}
	return data, nil
}
