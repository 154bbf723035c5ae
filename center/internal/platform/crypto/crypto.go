// Package crypto keeps the keys of the center and does all work with them:
// SM4-GCM for columns, HMAC-SM3 for rows, chains and equality search, SM2 for
// documents, evidence and releases. Callers name a purpose; which key serves
// it, and in which version, is this package's business.
//
// The data keys lie in table crypto_keys, wrapped under a master key that
// comes from a file, the environment or a key service. What a key made names
// the key, so that a new key can take over while old texts stay readable.
package crypto

import (
	"context"
	"crypto/ecdsa"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/ids"
)

// ErrTampered says that a sealed text, a code or a signature does not fit its
// content, key or place.
var ErrTampered = errors.New("integrity check failed")

// ErrUnknownKey says that a text names a key that this center does not hold.
var ErrUnknownKey = errors.New("the key is not known here")

// Env names where the master key may come from instead of a file.
const (
	EnvMaster   = "JIEXUN_MASTER_KEY" // 32 hexadecimal digits
	EnvKMS      = "JIEXUN_KMS_URL"
	EnvKMSToken = "JIEXUN_KMS_TOKEN" // #nosec G101 -- a name, not a secret
	EnvKMSKey   = "JIEXUN_KMS_KEY"
)

// Options say where the master key is.
type Options struct {
	// Dir holds the master key's file. It is made on first start, when the
	// database holds no keys yet.
	Dir string
	// Getenv reads the environment; nil reads none.
	Getenv func(string) string
	// Provider takes the place of software over the master key.
	Provider Provider
	// ReadOnly opens what is there and makes no key: for checks.
	ReadOnly bool
	Log      *slog.Logger
}

// Tamper is what the keys found out.
type Tamper struct {
	Purpose string `json:"purpose"`
	Where   string `json:"where"`
	What    string `json:"what"`
}

// Keys are all keys of one center. They are safe for concurrent use.
type Keys struct {
	d    *db.DB
	p    Provider
	log  *slog.Logger
	mas  string // id of the master key
	own  map[slot]string
	hook []Hook

	mu       sync.RWMutex
	byID     map[string]*key
	active   map[slot]*key
	looked   time.Time // when a missing key was last looked for
	onTamper func(Tamper)
}

type key struct {
	keyRow
	h    Handle
	pub  *ecdsa.PublicKey // of signing keys
	live bool             // taken into the provider
}

// Open takes the keys of a database in, and makes those that are missing.
func Open(ctx context.Context, d *db.DB, o Options) (*Keys, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	k := &Keys{d: d, p: o.Provider, log: o.Log, own: own(), byID: map[string]*key{}, active: map[slot]*key{}}
	rows, err := readKeys(ctx, d)
	if err != nil {
		return nil, err
	}
	if k.p == nil {
		m, err := master(o, len(rows) > 0)
		if err != nil {
			return nil, err
		}
		if m == nil { // read only, and nothing there
			return k, nil
		}
		k.p, k.mas = NewSoftware(m), m.ID()
	}
	if err := k.take(rows); err != nil {
		return nil, err
	}
	if o.ReadOnly {
		return k, nil
	}
	return k, k.complete(ctx)
}

// master finds the master key: the key service, the environment, the file.
func master(o Options, have bool) (Master, error) {
	env := o.Getenv
	if env == nil {
		env = func(string) string { return "" }
	}
	if url := env(EnvKMS); url != "" {
		if env(EnvKMSKey) == "" {
			return nil, fmt.Errorf("%s is set: name the key in %s too", EnvKMS, EnvKMSKey)
		}
		return KMSMaster(url, env(EnvKMSToken), env(EnvKMSKey)), nil
	}
	if text := env(EnvMaster); text != "" {
		b, err := parseMaster(text)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", EnvMaster, err)
		}
		return LocalMaster(b, "env")
	}
	if o.Dir == "" {
		return nil, errors.New("no master key: give a folder for it, or set " + EnvMaster + " or " + EnvKMS)
	}
	path := filepath.Join(o.Dir, MasterFile)
	b, err := readMasterFile(path)
	if err != nil {
		return nil, err
	}
	if b == nil && o.ReadOnly && !have {
		return nil, nil
	}
	if b == nil && have {
		return nil, fmt.Errorf("master key %s is missing, but the database holds keys that it wraps: copy it from the first center or from a backup (center crypto restore), or set %s", path, EnvMaster)
	}
	if b == nil {
		if b, err = makeMasterFile(path); err != nil {
			return nil, err
		}
	}
	return LocalMaster(b, "file")
}

// FromEnv are the options of commands: the folder, and the process's
// environment.
func FromEnv(dir string, log *slog.Logger) Options {
	return Options{Dir: dir, Getenv: os.Getenv, Log: log}
}

// take puts rows into memory; those that are there stay.
func (k *Keys) take(rows []keyRow) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range rows {
		x := k.byID[r.ID]
		if x == nil {
			x = &key{keyRow: r}
			if err := k.load(x); err != nil {
				return err
			}
			k.byID[r.ID] = x
		}
		x.State, x.RetiredAt = r.State, r.RetiredAt
		s := slot{r.Kind, r.Purpose}
		if a := k.active[s]; r.State == stateActive && (a == nil || a.Version < r.Version) {
			k.active[s] = x
		}
	}
	return nil
}

func (k *Keys) load(x *key) error {
	wrapped, err := base64.StdEncoding.DecodeString(x.Wrapped)
	if err != nil {
		return fmt.Errorf("read key %s (%s %s): %w", x.ID, x.Kind, x.Purpose, err)
	}
	h, err := k.p.Import(x.Kind, wrapped, x.aad())
	if errors.Is(err, ErrTampered) {
		return fmt.Errorf("key %s (%s %s version %d) does not open: the master key is another one than %s, or the row was changed: %w", x.ID, x.Kind, x.Purpose, x.Version, x.Master, err)
	}
	if err != nil {
		return fmt.Errorf("take key %s in: %w", x.ID, err)
	}
	x.h, x.live = h, true
	if c, err := k.p.Check(h); err != nil || c != x.CheckValue {
		return fmt.Errorf("key %s (%s %s) has another check value than its row: %w", x.ID, x.Kind, x.Purpose, errors.Join(err, ErrTampered))
	}
	if x.Kind == KindSign {
		if x.pub, err = k.p.PublicKey(h); err != nil {
			return fmt.Errorf("read public key %s: %w", x.ID, err)
		}
	}
	return nil
}

// complete makes the keys that a call point has and the table lacks: the
// authority's first, the others in one transaction. When another center was
// first, its keys are taken.
func (k *Keys) complete(ctx context.Context) error {
	for range 3 {
		var rows []keyRow
		for _, u := range Uses() {
			for _, kind := range u.Kinds {
				if k.current(kind, u.Purpose) != nil {
					continue
				}
				r, err := k.make(kind, u.Purpose, 1)
				if err != nil {
					return err
				}
				rows = append(rows, r)
			}
			if len(rows) > 0 && u.Purpose == "ca" {
				break
			}
		}
		if len(rows) == 0 {
			return nil
		}
		err := k.d.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return insertKeys(ctx, tx, rows) })
		if err != nil && !db.Duplicate(err) {
			return err
		}
		if err := k.Refresh(ctx); err != nil {
			return err
		}
	}
	return k.missing()
}

// missing says which call point has no key.
func (k *Keys) missing() error {
	for _, u := range Uses() {
		for _, kind := range u.Kinds {
			if k.current(kind, u.Purpose) == nil {
				return fmt.Errorf("key of %s for %s: %w", kind, u.Purpose, ErrUnknownKey)
			}
		}
	}
	return nil
}

// make makes a key and its row; a signing key gets its certificate.
func (k *Keys) make(kind Kind, purpose string, version int64) (keyRow, error) {
	r := keyRow{ID: ids.New(), Purpose: purpose, Kind: kind, Version: version, State: stateActive, Master: k.mas, CreatedAt: clock.At(k.d.Now())}
	wrapped, h, err := k.p.Generate(kind, r.aad())
	if err != nil {
		return r, err
	}
	defer k.p.Destroy(h)
	r.Wrapped = base64.StdEncoding.EncodeToString(wrapped)
	if r.CheckValue, err = k.p.Check(h); err != nil {
		return r, err
	}
	if kind == KindSign {
		r.Cert, err = k.certify(h, r)
	}
	return r, err
}

// Refresh takes in what other centers changed: new keys, and which is active.
func (k *Keys) Refresh(ctx context.Context) error {
	rows, err := readKeys(ctx, k.d)
	if err != nil {
		return err
	}
	return k.take(rows)
}

// current is the active key of a purpose, nil when there is none.
func (k *Keys) current(kind Kind, purpose string) *key {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.active[slot{kind, purpose}]
}

// forUse is the key that serves a purpose now.
func (k *Keys) forUse(kind Kind, purpose string) (*key, error) {
	p, ok := k.own[slot{kind, purpose}]
	if !ok {
		p = general
	}
	if x := k.current(kind, p); x != nil {
		return x, nil
	}
	return nil, fmt.Errorf("use key of %s for %s: %w", kind, purpose, ErrUnknownKey)
}

// known finds a key by its id. One that another center has just made is read
// from the table, but not more often than each second.
func (k *Keys) known(kind Kind, id string) (*key, error) {
	k.mu.RLock()
	x, looked := k.byID[id], k.looked
	k.mu.RUnlock()
	if x == nil && len(id) <= 64 && time.Since(looked) > time.Second {
		k.mu.Lock()
		k.looked = time.Now()
		k.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := k.Refresh(ctx); err != nil {
			return nil, err
		}
		k.mu.RLock()
		x = k.byID[id]
		k.mu.RUnlock()
	}
	if x == nil || x.Kind != kind {
		return nil, fmt.Errorf("key %.40q: %w", id, ErrUnknownKey)
	}
	return x, nil
}

// OnTamper tells f of each text, code or signature that does not hold. f must
// not block and may be called inside a transaction.
func (k *Keys) OnTamper(f func(Tamper)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.onTamper = f
}

// Tell hands a finding of a caller, such as a file that does not fit its
// signature, to the observer of tampering.
func (k *Keys) Tell(t Tamper) {
	k.mu.RLock()
	f := k.onTamper
	k.mu.RUnlock()
	k.log.Error("integrity check failed", "purpose", t.Purpose, "where", t.Where, "what", t.What)
	if f != nil {
		f(t)
	}
}

// Provider tells who does the work.
func (k *Keys) Provider() Info {
	if k.p == nil {
		return Info{Name: "none"}
	}
	return k.p.Info()
}
