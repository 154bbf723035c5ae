package crypto

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/pbkdf2"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sort"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/center/internal/platform/db"
)

// Bounds of a key backup: rounds of the passphrase, and what is accepted.
const (
	backupRounds    = 200_000
	maxBackupRounds = 5_000_000
	maxBackup       = 16 << 20
	minPassphrase   = 12
)

// backupFile is a backup of keys: one sealed blob under a key that
// PBKDF2-HMAC-SM3 makes of a passphrase.
type backupFile struct {
	Format string `json:"format"`
	KDF    string `json:"kdf"`
	Rounds int    `json:"rounds"`
	Salt   []byte `json:"salt"`
	Sealed []byte `json:"sealed"`
}

const (
	backupFormat = "jiexun-keys-1"
	backupKDF    = "PBKDF2-HMAC-SM3"
)

// backupKey is one key in the clear, inside the sealed blob.
type backupKey struct {
	Row      keyRow `json:"row"`
	Material []byte `json:"material"`
}

// ErrPassphrase says that a backup does not open: the passphrase is wrong or
// the file was changed.
var ErrPassphrase = errors.New("the passphrase is wrong or the backup was changed")

// Backup gives all keys sealed under a passphrase. Keys of hardware do not
// come out; it has procedures of its own.
func (k *Keys) Backup(passphrase string) ([]byte, error) {
	x, ok := k.p.(Exporter)
	if !ok {
		return nil, errors.New("back keys up: this provider does not give keys out; use its own procedure")
	}
	if len(passphrase) < minPassphrase {
		return nil, fmt.Errorf("back keys up: the passphrase needs at least %d characters", minPassphrase)
	}
	k.mu.RLock()
	list := make([]backupKey, 0, len(k.byID))
	for _, key := range k.byID {
		m, err := x.Export(key.h)
		if err != nil {
			k.mu.RUnlock()
			return nil, fmt.Errorf("back key %s up: %w", key.ID, err)
		}
		list = append(list, backupKey{key.keyRow, m})
	}
	k.mu.RUnlock()
	sort.Slice(list, func(i, j int) bool { return list[i].Row.ID < list[j].Row.ID })
	plain, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("back keys up: %w", err)
	}
	f := backupFile{Format: backupFormat, KDF: backupKDF, Rounds: backupRounds}
	if f.Salt, err = k.p.Random(16); err != nil {
		return nil, fmt.Errorf("back keys up: %w", err)
	}
	a, err := f.aead(passphrase)
	if err != nil {
		return nil, err
	}
	if f.Sealed, err = sealWith(a, plain, []byte(f.Format)); err != nil {
		return nil, err
	}
	return json.MarshalIndent(f, "", " ")
}

func (f backupFile) aead(passphrase string) (cipher.AEAD, error) {
	key, err := pbkdf2.Key(sm3.New, passphrase, f.Salt, f.Rounds, masterBytes)
	if err != nil {
		return nil, fmt.Errorf("derive key of the passphrase: %w", err)
	}
	return gcm(key)
}

// parseBackup reads the outside of a backup.
func parseBackup(b []byte) (backupFile, error) {
	var f backupFile
	if len(b) > maxBackup {
		return f, errors.New("key backup is too long")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return f, fmt.Errorf("not a key backup: %w", err)
	}
	if f.Format != backupFormat || f.KDF != backupKDF || f.Rounds < 10_000 || f.Rounds > maxBackupRounds || len(f.Salt) < 8 {
		return f, fmt.Errorf("not a key backup of a known form (format %.20q)", f.Format)
	}
	return f, nil
}

// Restore puts the keys of a backup into the database, wrapped under the
// master key that the options name; with a folder and no master key in it one
// is made. Keys that are there under the same id are wrapped anew, so that a
// database whose master key was lost works again. A database that has made
// other keys is refused. It gives how many keys were put.
func Restore(ctx context.Context, d *db.DB, o Options, backup []byte, passphrase string) (int, error) {
	f, err := parseBackup(backup)
	if err != nil {
		return 0, err
	}
	a, err := f.aead(passphrase)
	if err != nil {
		return 0, err
	}
	plain, err := openWith(a, f.Sealed, []byte(f.Format))
	if err != nil {
		return 0, ErrPassphrase
	}
	var list []backupKey
	if err := json.Unmarshal(plain, &list); err != nil {
		return 0, fmt.Errorf("read key backup: %w", err)
	}
	m, err := master(o, false)
	if err != nil {
		return 0, err
	}
	if m == nil {
		return 0, errors.New("restore keys: no master key to wrap them under")
	}
	p := NewSoftware(m)
	rows := make([]keyRow, 0, len(list))
	for _, b := range list {
		r := b.Row
		r.Master = m.ID()
		w, err := p.Wrap(r.Kind, b.Material, r.aad())
		if err != nil {
			return 0, fmt.Errorf("wrap key %s: %w", r.ID, err)
		}
		r.Wrapped = base64.StdEncoding.EncodeToString(w)
		rows = append(rows, r)
	}
	err = d.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return replaceKeys(ctx, tx, rows) })
	if db.Duplicate(err) {
		return 0, fmt.Errorf("restore keys: the database has made other keys of its own; restore into the database that the backup belongs to: %w", err)
	}
	return len(rows), err
}
