package crypto

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Forms of what is stored.
const (
	sealPrefix = "sm4:"
	macPrefix  = "hmac:"
)

// maxSealed bounds a sealed text that is read, in bytes.
const maxSealed = 16 << 20

// Seal encrypts a text for its place: "sm4:<key>:<base64>". aad is
// "table.column:rowid", so that a sealed text moved to another row does not
// open. The empty text stays empty.
func (k *Keys) Seal(purpose, plain, aad string) (string, error) {
	if plain == "" {
		return "", nil
	}
	x, err := k.forUse(KindSeal, purpose)
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", purpose, err)
	}
	b, err := k.p.Encrypt(x.h, []byte(plain), sealAAD(purpose, aad))
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", purpose, err)
	}
	return sealPrefix + x.ID + ":" + base64.RawStdEncoding.EncodeToString(b), nil
}

func sealAAD(purpose, aad string) []byte { return []byte(purpose + "\x00" + aad) }

// Open decrypts what Seal made for the same purpose and place. What was
// changed, moved or made under an unknown key gives an error that names the
// place; a changed one is told to the observer of tampering too.
func (k *Keys) Open(purpose, sealed, aad string) (string, error) {
	if sealed == "" {
		return "", nil
	}
	plain, err := k.unseal(purpose, sealed, aad)
	if err == nil {
		return plain, nil
	}
	if errors.Is(err, ErrTampered) {
		k.Tell(Tamper{Purpose: purpose, Where: aad, What: "加密内容被改动或被移到别处"})
	}
	return "", fmt.Errorf("open %s of %s: %w", purpose, aad, err)
}

func (k *Keys) unseal(purpose, sealed, aad string) (string, error) {
	id, body, err := ParseSealed(sealed)
	if err != nil {
		return "", err
	}
	x, err := k.known(KindSeal, id)
	if err != nil {
		return "", err
	}
	b, err := k.p.Decrypt(x.h, body, sealAAD(purpose, aad))
	return string(b), err
}

// ParseSealed takes a sealed text apart: key id, and nonce, text and tag.
func ParseSealed(s string) (keyID string, body []byte, err error) {
	rest, ok := strings.CutPrefix(s, sealPrefix)
	id, b64, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 || id == "" || len(s) > maxSealed {
		return "", nil, fmt.Errorf("%w: not a sealed text", ErrTampered)
	}
	body, err = base64.RawStdEncoding.Strict().DecodeString(b64)
	if err != nil {
		return "", nil, fmt.Errorf("%w: sealed text is not base64", ErrTampered)
	}
	return id, body, nil
}

// Sealed tells whether a text has the form of a sealed one.
func Sealed(text string) bool {
	_, _, err := ParseSealed(text)
	return err == nil
}

// OpenOrPlain reads a column that was filled before it was encrypted: what
// does not begin like a sealed text passes as it is.
func (k *Keys) OpenOrPlain(purpose, text, aad string) (string, error) {
	if !strings.HasPrefix(text, sealPrefix) {
		return text, nil
	}
	return k.Open(purpose, text, aad)
}

// Blind gives the value by which a sealed text is found: HMAC-SM3 in hex,
// under the active key. The same text gives the same value; the empty text
// stays empty. While a blind key is being changed rows have the old value:
// search with Blinds.
func (k *Keys) Blind(purpose, plain string) string {
	if plain == "" {
		return ""
	}
	x, err := k.forUse(KindBlind, purpose)
	if err != nil {
		k.log.Error("no blind index", "purpose", purpose, "err", err)
		return ""
	}
	return k.blind(x, purpose, plain)
}

func (k *Keys) blind(x *key, purpose, plain string) string {
	b, err := k.p.HMAC(x.h, []byte(purpose), []byte{0}, []byte(plain))
	if err != nil {
		k.log.Error("no blind index", "purpose", purpose, "err", err)
		return ""
	}
	return hex.EncodeToString(b)
}

// Blinds gives the values of a text under all keys of the purpose, the active
// one first: for IN (…).
func (k *Keys) Blinds(purpose, plain string) []string {
	if plain == "" {
		return nil
	}
	first, err := k.forUse(KindBlind, purpose)
	if err != nil {
		return nil
	}
	out := []string{k.blind(first, purpose, plain)}
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, x := range k.byID {
		if x != first && x.Kind == KindBlind && x.Purpose == first.Purpose {
			out = append(out, k.blind(x, purpose, plain))
		}
	}
	return out
}

// MAC gives the code of a row: "hmac:<key>:<hex>". Each part takes part with
// its length, so that no two rows have the same bytes. It is empty when the
// key cannot be used; CheckMAC never accepts that.
func (k *Keys) MAC(purpose string, parts ...string) string {
	x, err := k.forUse(KindMAC, purpose)
	if err != nil {
		k.log.Error("no code", "purpose", purpose, "err", err)
		return ""
	}
	b, err := k.p.HMAC(x.h, macBytes(purpose, parts))
	if err != nil {
		k.log.Error("no code", "purpose", purpose, "err", err)
		return ""
	}
	return macPrefix + x.ID + ":" + hex.EncodeToString(b)
}

func macBytes(purpose string, parts []string) []byte {
	n := len(purpose) + 24
	for _, p := range parts {
		n += len(p) + 8
	}
	b := make([]byte, 0, n)
	b = append(strconv.AppendInt(b, int64(len(purpose)), 10), ':')
	b = append(b, purpose...)
	for _, p := range parts {
		b = append(strconv.AppendInt(b, int64(len(p)), 10), ':')
		b = append(b, p...)
	}
	return b
}

// CheckMAC tells whether MAC made this code of these parts. Telling whoever
// watches for tampering is the caller's part: only it knows which row it was.
func (k *Keys) CheckMAC(purpose, mac string, parts ...string) bool {
	rest, ok := strings.CutPrefix(mac, macPrefix)
	id, sum, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 {
		return false
	}
	want, err := hex.DecodeString(sum)
	if err != nil {
		return false
	}
	x, err := k.known(KindMAC, id)
	if err != nil {
		return false
	}
	got, err := k.p.HMAC(x.h, macBytes(purpose, parts))
	return err == nil && hmac.Equal(got, want)
}
