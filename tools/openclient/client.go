package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm3"
)

// Client signs and sends requests.
type Client struct {
	URL, App, Key string
	Now           func() time.Time
	// HTTP sends; nil is the default client.
	HTTP *http.Client
}

// Answer is what came back. Code is the center's own code of a refusal.
type Answer struct {
	Status int
	Body   string
	Code   string
}

// sign gives the value of X-Jx-Sign: HMAC-SM3 over six lines.
func sign(key, method, path, query, millis, nonce string, body []byte) string {
	sum := sm3.Sum(body)
	text := strings.Join([]string{method, path, query, millis, nonce, hex.EncodeToString(sum[:])}, "\n")
	m := hmac.New(func() hash.Hash { return sm3.New() }, []byte(key))
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil))
}

// Call sends one request. The path may have a query.
func (c Client) Call(ctx context.Context, method, path, body, idempotencyKey string) (Answer, error) {
	b := make([]byte, 12)
	_, _ = rand.Read(b) // never fails since Go 1.24
	nonce, millis := hex.EncodeToString(b), strconv.FormatInt(c.Now().UnixMilli(), 10)
	p, q, _ := strings.Cut(path, "?")
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+path, strings.NewReader(body))
	if err != nil {
		return Answer{}, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("X-Jx-App", c.App)
	req.Header.Set("X-Jx-Time", millis)
	req.Header.Set("X-Jx-Nonce", nonce)
	req.Header.Set("X-Jx-Sign", sign(c.Key, method, p, q, millis, nonce, []byte(body)))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if idempotencyKey != "" {
		req.Header.Set("Idempotency-Key", idempotencyKey)
	}
	h := c.HTTP
	if h == nil {
		h = &http.Client{Timeout: 20 * time.Second}
	}
	res, err := h.Do(req)
	if err != nil {
		return Answer{}, fmt.Errorf("send request: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return Answer{}, fmt.Errorf("read answer: %w", err)
	}
	a := Answer{Status: res.StatusCode, Body: string(raw)}
	var r struct {
		Code string `json:"code"`
	}
	if a.Status >= 400 && json.Unmarshal(raw, &r) == nil {
		a.Code = r.Code
	}
	return a, nil
}
