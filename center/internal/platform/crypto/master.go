package crypto

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/emmansun/gmsm/sm3"
)

// Master wraps the data keys. It is a local key or a key service.
type Master interface {
	// ID names the master key; rows of keys hold it.
	ID() string
	Wrap(material []byte, aad string) ([]byte, error)
	Unwrap(wrapped []byte, aad string) ([]byte, error)
}

// masterBytes is the length of the master key: SM4 has keys of 128 bits.
const masterBytes = 16

// MasterFile is the name of the master key's file in its folder.
const MasterFile = "master.key"

type localMaster struct {
	id   string
	aead cipher.AEAD
}

// LocalMaster makes a master key of its 16 bytes. from says where it came
// from, for the report.
func LocalMaster(key []byte, from string) (Master, error) {
	if len(key) != masterBytes {
		return nil, fmt.Errorf("master key has %d bytes, want %d", len(key), masterBytes)
	}
	a, err := gcm(key)
	if err != nil {
		return nil, fmt.Errorf("use master key: %w", err)
	}
	sum := sm3.Sum(append([]byte("jiexun master key\x00"), key...))
	return &localMaster{id: from + ":" + hex.EncodeToString(sum[:4]), aead: a}, nil
}

func (m *localMaster) ID() string { return m.id }

func (m *localMaster) Wrap(material []byte, aad string) ([]byte, error) {
	return sealWith(m.aead, material, []byte(aad))
}

func (m *localMaster) Unwrap(wrapped []byte, aad string) ([]byte, error) {
	return openWith(m.aead, wrapped, []byte(aad))
}

func parseMaster(text string) ([]byte, error) {
	b, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(b) != masterBytes {
		return nil, errors.New("a master key is 32 hexadecimal digits")
	}
	return b, nil
}

// readMasterFile reads the master key; absent gives nil without an error.
func readMasterFile(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read master key: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("master key %s may be read by others (%v): run chmod 600 on it", path, st.Mode().Perm())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read master key: %w", err)
	}
	key, err := parseMaster(string(bytes.TrimSpace(b)))
	if err != nil {
		return nil, fmt.Errorf("read master key %s: %w", path, err)
	}
	return key, nil
}

// makeMasterFile makes a master key and its file. When another process was
// first, its key is taken.
func makeMasterFile(path string) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make folder of the master key: %w", err)
	}
	key := make([]byte, masterBytes)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make master key: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".master-*") // made with 0600
	if err != nil {
		return nil, fmt.Errorf("write master key: %w", err)
	}
	_, err = tmp.WriteString(hex.EncodeToString(key) + "\n")
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Link(tmp.Name(), path) // fails when the file is there
	}
	if e := os.Remove(tmp.Name()); e != nil {
		err = errors.Join(err, e)
	}
	if errors.Is(err, os.ErrExist) {
		return readMasterFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("write master key: %w", err)
	}
	return key, nil
}
