package crypto

import (
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"sync"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
)

// Kind says what a key is for. A key serves one kind only.
type Kind string

// The kinds of data keys.
const (
	KindSeal  Kind = "seal"  // SM4, 16 bytes: columns and files
	KindBlind Kind = "blind" // HMAC-SM3, 32 bytes: index for equality search
	KindMAC   Kind = "mac"   // HMAC-SM3, 32 bytes: rows and chains
	KindSign  Kind = "sign"  // SM2 private key: documents, evidence, releases
)

// Handle names a key inside a provider; the key itself never leaves it.
type Handle uint32

// Info says what a provider is, for the report of the assessment.
type Info struct {
	Name string `json:"name"`
	// Certified tells whether a tested product (GM/T 0028, GB/T 37092) does
	// the work. Software never is.
	Certified bool   `json:"certified"`
	Note      string `json:"note"`
}

// Provider does all work with keys. Its calls have the shape of the device
// interface of GM/T 0018 (SDF), so that a card or a cloud service can take
// the software's place:
//
//	Random      SDF_GenerateRandom
//	Generate    SDF_GenerateKeyWithKEK, SDF_GenerateKeyPair_ECC
//	Import      SDF_ImportKeyWithKEK
//	Destroy     SDF_DestroyKey
//	Encrypt     SDF_AuthEnc (SM4-GCM)
//	Decrypt     SDF_AuthDec
//	HMAC        SDF_CalculateMAC with HMAC-SM3
//	SignDigest  SDF_InternalSign_ECC: the digest holds Z already
//	PublicKey   SDF_ExportSignPublicKey_ECC
//
// All methods are safe for concurrent use.
type Provider interface {
	Info() Info
	Random(n int) ([]byte, error)
	// Generate makes a key and gives it wrapped under the master key. aad
	// binds the wrapped form to its row.
	Generate(kind Kind, aad string) (wrapped []byte, h Handle, err error)
	// Import takes a wrapped key in.
	Import(kind Kind, wrapped []byte, aad string) (Handle, error)
	Destroy(h Handle)
	// Encrypt gives nonce, text and tag in one.
	Encrypt(h Handle, plain, aad []byte) ([]byte, error)
	Decrypt(h Handle, sealed, aad []byte) ([]byte, error)
	HMAC(h Handle, parts ...[]byte) ([]byte, error)
	SignDigest(h Handle, digest []byte) ([]byte, error)
	PublicKey(h Handle) (*ecdsa.PublicKey, error)
	// Check gives a short value by which a key is recognised without
	// telling anything of it.
	Check(h Handle) (string, error)
}

// Exporter is a provider whose keys can be backed up outside it. Hardware has
// backup procedures of its own.
type Exporter interface {
	Export(h Handle) ([]byte, error)
	// Wrap takes key material that comes from a backup.
	Wrap(kind Kind, material []byte, aad string) ([]byte, error)
}

// errHandle says that a key does not serve what it was asked for.
var errHandle = errors.New("no key of this kind has the handle")

// Software is the provider in this process. The data keys lie in memory while
// the center runs; on disk they are wrapped under the master key.
type Software struct {
	master Master

	mu   sync.RWMutex
	keys map[Handle]*softKey
	next Handle
}

type softKey struct {
	kind     Kind
	material []byte
	aead     cipher.AEAD
	sign     *sm2.PrivateKey
	macs     *sync.Pool // of hash.Hash with the key set
}

// NewSoftware makes the provider over a master key.
func NewSoftware(m Master) *Software { return &Software{master: m, keys: map[Handle]*softKey{}} }

// Info implements Provider.
func (s *Software) Info() Info {
	return Info{Name: "software (emmansun/gmsm)", Note: "软件密码实现，未经商用密码产品认证；主密钥：" + s.master.ID()}
}

// Random implements Provider.
func (s *Software) Random(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := rand.Read(b)
	return b, err
}

// Generate implements Provider.
func (s *Software) Generate(kind Kind, aad string) ([]byte, Handle, error) {
	var material []byte
	switch kind {
	case KindSeal:
		material = make([]byte, 16)
	case KindBlind, KindMAC:
		material = make([]byte, 32)
	case KindSign:
		k, err := sm2.GenerateKey(rand.Reader)
		if err != nil {
			return nil, 0, fmt.Errorf("make SM2 key: %w", err)
		}
		material = k.D.FillBytes(make([]byte, 32))
	default:
		return nil, 0, fmt.Errorf("make key: unknown kind %q", kind)
	}
	if kind != KindSign {
		if _, err := rand.Read(material); err != nil {
			return nil, 0, fmt.Errorf("make key: %w", err)
		}
	}
	wrapped, err := s.Wrap(kind, material, aad)
	if err != nil {
		return nil, 0, err
	}
	h, err := s.put(kind, material)
	return wrapped, h, err
}

// Import implements Provider.
func (s *Software) Import(kind Kind, wrapped []byte, aad string) (Handle, error) {
	material, err := s.master.Unwrap(wrapped, string(kind)+"|"+aad)
	if err != nil {
		return 0, err
	}
	return s.put(kind, material)
}

// Wrap implements Exporter.
func (s *Software) Wrap(kind Kind, material []byte, aad string) ([]byte, error) {
	return s.master.Wrap(material, string(kind)+"|"+aad)
}

// Export implements Exporter.
func (s *Software) Export(h Handle) ([]byte, error) {
	k, err := s.get(h, "")
	if err != nil {
		return nil, err
	}
	return append([]byte{}, k.material...), nil
}

// Destroy implements Provider.
func (s *Software) Destroy(h Handle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.keys[h]; k != nil {
		clear(k.material)
		delete(s.keys, h)
	}
}

func (s *Software) put(kind Kind, material []byte) (Handle, error) {
	k := &softKey{kind: kind, material: material}
	var err error
	switch kind {
	case KindSeal:
		k.aead, err = gcm(material)
	case KindBlind, KindMAC:
		if len(material) < 16 {
			return 0, fmt.Errorf("take key in: %d bytes are too few", len(material))
		}
		key := append([]byte{}, material...)
		k.macs = &sync.Pool{New: func() any { return hmac.New(sm3.New, key) }}
	case KindSign:
		k.sign, err = privateKey(material)
	default:
		err = fmt.Errorf("unknown kind %q", kind)
	}
	if err != nil {
		return 0, fmt.Errorf("take key in: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	s.keys[s.next] = k
	return s.next, nil
}

func (s *Software) get(h Handle, kind Kind) (*softKey, error) {
	s.mu.RLock()
	k := s.keys[h]
	s.mu.RUnlock()
	if k == nil || kind != "" && k.kind != kind {
		return nil, errHandle
	}
	return k, nil
}

// Encrypt implements Provider.
func (s *Software) Encrypt(h Handle, plain, aad []byte) ([]byte, error) {
	k, err := s.get(h, KindSeal)
	if err != nil {
		return nil, err
	}
	return sealWith(k.aead, plain, aad)
}

// Decrypt implements Provider.
func (s *Software) Decrypt(h Handle, sealed, aad []byte) ([]byte, error) {
	k, err := s.get(h, KindSeal)
	if err != nil {
		return nil, err
	}
	return openWith(k.aead, sealed, aad)
}

// HMAC implements Provider.
func (s *Software) HMAC(h Handle, parts ...[]byte) ([]byte, error) {
	k, err := s.get(h, "")
	if err != nil || k.macs == nil {
		return nil, errHandle
	}
	m, _ := k.macs.Get().(hash.Hash)
	m.Reset()
	for _, p := range parts {
		_, _ = m.Write(p) // a hash never fails
	}
	sum := m.Sum(nil)
	k.macs.Put(m)
	return sum, nil
}

// SignDigest implements Provider.
func (s *Software) SignDigest(h Handle, digest []byte) ([]byte, error) {
	k, err := s.get(h, KindSign)
	if err != nil {
		return nil, err
	}
	return sm2.SignASN1(rand.Reader, k.sign, digest, nil)
}

// PublicKey implements Provider.
func (s *Software) PublicKey(h Handle) (*ecdsa.PublicKey, error) {
	k, err := s.get(h, KindSign)
	if err != nil {
		return nil, err
	}
	return &k.sign.PublicKey, nil
}

// Check implements Provider: of an SM4 key the first three bytes of the
// encrypted zero block, of a MAC key those of the empty message's code, of an
// SM2 key those of its public key's digest.
func (s *Software) Check(h Handle) (string, error) {
	k, err := s.get(h, "")
	if err != nil {
		return "", err
	}
	var b []byte
	switch k.kind {
	case KindSeal:
		c, err := sm4.NewCipher(k.material)
		if err != nil {
			return "", err
		}
		b = make([]byte, sm4.BlockSize)
		c.Encrypt(b, b)
	case KindSign:
		sum := sm3.Sum(append(k.sign.X.FillBytes(make([]byte, 32)), k.sign.Y.FillBytes(make([]byte, 32))...))
		b = sum[:]
	default:
		if b, err = s.HMAC(h); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%06x", b[:3]), nil
}

// gcm makes SM4-GCM with nonces of 12 bytes and tags of 16.
func gcm(key []byte) (cipher.AEAD, error) {
	b, err := sm4.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

func sealWith(a cipher.AEAD, plain, aad []byte) ([]byte, error) {
	out := make([]byte, a.NonceSize(), a.NonceSize()+len(plain)+a.Overhead())
	if _, err := rand.Read(out); err != nil {
		return nil, fmt.Errorf("make nonce: %w", err)
	}
	return a.Seal(out, out, plain, aad), nil
}

func openWith(a cipher.AEAD, sealed, aad []byte) ([]byte, error) {
	if len(sealed) < a.NonceSize()+a.Overhead() {
		return nil, fmt.Errorf("%w: sealed text is too short", ErrTampered)
	}
	plain, err := a.Open(nil, sealed[:a.NonceSize()], sealed[a.NonceSize():], aad)
	if err != nil {
		return nil, fmt.Errorf("%w: sealed text does not fit its key and place", ErrTampered)
	}
	return plain, nil
}

// privateKey makes an SM2 key of its 32 bytes.
func privateKey(d []byte) (*sm2.PrivateKey, error) {
	k := new(big.Int).SetBytes(d)
	c := sm2.P256()
	if len(d) != 32 || k.Sign() <= 0 || k.Cmp(new(big.Int).Sub(c.Params().N, big.NewInt(1))) >= 0 {
		return nil, errors.New("not a private SM2 key")
	}
	p := &sm2.PrivateKey{}
	p.Curve, p.D = c, k
	p.X, p.Y = c.ScalarBaseMult(d) //nolint:staticcheck // SM2 is on no other interface of the library
	return p, nil
}
