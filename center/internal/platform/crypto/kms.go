package crypto

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// kmsTimeout bounds one call of the key service. Keys are wrapped and
// unwrapped at start and at rotation only.
const kmsTimeout = 10 * time.Second

// kms is a master key in a key service: it is reached by HTTP and never
// leaves it. POST {url}/wrap {"keyId","plaintext","aad"} answers
// {"ciphertext"}, POST {url}/unwrap the other way round; bytes are base64.
type kms struct {
	url, token, key string
	http            *http.Client
}

// KMSMaster uses the master key keyID of a key service.
func KMSMaster(url, token, keyID string) Master {
	return &kms{url: strings.TrimRight(url, "/"), token: token, key: keyID, http: &http.Client{Timeout: kmsTimeout}}
}

func (k *kms) ID() string { return "kms:" + k.key }

type kmsCall struct {
	KeyID      string `json:"keyId,omitempty"`
	Plaintext  []byte `json:"plaintext,omitempty"`
	Ciphertext []byte `json:"ciphertext,omitempty"`
	AAD        string `json:"aad,omitempty"`
}

func (k *kms) Wrap(material []byte, aad string) ([]byte, error) {
	out, err := k.call("wrap", kmsCall{KeyID: k.key, Plaintext: material, AAD: aad})
	if err == nil && len(out.Ciphertext) == 0 {
		err = errors.New("key service answered without a ciphertext")
	}
	return out.Ciphertext, err
}

func (k *kms) Unwrap(wrapped []byte, aad string) ([]byte, error) {
	out, err := k.call("unwrap", kmsCall{KeyID: k.key, Ciphertext: wrapped, AAD: aad})
	if err == nil && len(out.Plaintext) == 0 {
		err = errors.New("key service answered without a key")
	}
	return out.Plaintext, err
}

func (k *kms) call(what string, in kmsCall) (kmsCall, error) {
	b, err := json.Marshal(in)
	if err != nil {
		return kmsCall{}, fmt.Errorf("call key service: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), kmsTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, k.url+"/"+what, bytes.NewReader(b))
	if err != nil {
		return kmsCall{}, fmt.Errorf("call key service: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+k.token)
	res, err := k.http.Do(req)
	if err != nil {
		return kmsCall{}, fmt.Errorf("call key service: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return kmsCall{}, fmt.Errorf("read answer of key service: %w", err)
	}
	if res.StatusCode == http.StatusUnprocessableEntity {
		return kmsCall{}, fmt.Errorf("%w: the key service refuses the wrapped key", ErrTampered)
	}
	if res.StatusCode != http.StatusOK {
		return kmsCall{}, fmt.Errorf("key service answered %s to %s", res.Status, what)
	}
	var out kmsCall
	if err := json.Unmarshal(body, &out); err != nil {
		return kmsCall{}, fmt.Errorf("read answer of key service: %w", err)
	}
	return out, nil
}
