package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm3"
)

// Headers of a signed request, ours to a gateway and a gateway's to us.
const (
	HeaderApp   = "X-App-Id"
	HeaderTime  = "X-Timestamp"
	HeaderNonce = "X-Nonce"
	HeaderSign  = "X-Sign"
)

// Sign gives the HMAC-SM3 of a request in hex: method, path, time (Unix
// seconds), nonce and the SM3 digest of the body, each on a line.
func Sign(secret, method, path, ts, nonce string, body []byte) string {
	sum := sm3.Sum(body)
	m := hmac.New(sm3.New, []byte(secret))
	_, _ = io.WriteString(m, strings.Join([]string{method, path, ts, nonce, hex.EncodeToString(sum[:])}, "\n"))
	return hex.EncodeToString(m.Sum(nil))
}

// httpGateway calls a gateway that speaks JSON.
type httpGateway struct {
	client *http.Client
	now    func() time.Time
}

// newHTTP makes a caller that gives up after some seconds and follows no
// redirect, which could lead a signed message elsewhere.
func newHTTP(now func() time.Time) httpGateway {
	return httpGateway{now: now, client: &http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 10

// post sends a signed request and decodes the answer into out. An answer
// that cannot be understood counts as the gateway's own failure.
func (g httpGateway) post(ctx context.Context, c Config, path string, in, out any) error {
	base, err := url.Parse(c.Address)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return &Refused{Reason: "网关地址不是 http(s) 地址"}
	}
	if base.Path == "" {
		base.Path = "/" // else joining leaves the path without its first slash
	}
	full := base.JoinPath(path)
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, full.String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	nonce := make([]byte, 12)
	_, _ = rand.Read(nonce) // never fails since Go 1.24
	ts, n := strconv.FormatInt(g.now().Unix(), 10), hex.EncodeToString(nonce)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(HeaderApp, c.AppID)
	req.Header.Set(HeaderTime, ts)
	req.Header.Set(HeaderNonce, n)
	req.Header.Set(HeaderSign, Sign(c.Secret, http.MethodPost, full.EscapedPath(), ts, n, body))
	res, err := g.client.Do(req)
	if err != nil {
		return fmt.Errorf("call gateway: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read gateway's answer: %w", err)
	}
	switch {
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500 || res.StatusCode >= 300 && res.StatusCode < 400:
		return fmt.Errorf("gateway answered %d", res.StatusCode)
	case res.StatusCode >= 400:
		return &Refused{Reason: fmt.Sprintf("网关回答 %d %s", res.StatusCode, short(answer))}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("understand gateway's answer %q: %w", short(answer), err)
	}
	return nil
}

func short(b []byte) string {
	r := []rune(strings.ToValidUTF8(string(b), "?"))
	return string(r[:min(len(r), 80)])
}

// coded is the usual answer of a gateway.
type coded struct {
	Code    *int   `json:"code"`
	Message string `json:"message"`
	MsgID   string `json:"msgid"`
	MsgID2  string `json:"msgId"`
}

func (a coded) id() (string, error) {
	switch {
	case a.Code == nil:
		return "", fmt.Errorf("gateway's answer has no code")
	case *a.Code != 0:
		return "", &Refused{Reason: fmt.Sprintf("%d %s", *a.Code, a.Message)}
	case a.MsgID != "":
		return a.MsgID, nil
	}
	return a.MsgID2, nil
}

// smsGateway sends text messages: POST /send.
type smsGateway struct{ httpGateway }

// Send implements Gateway.
func (g smsGateway) Send(ctx context.Context, c Config, m Message) (string, error) {
	var out coded
	body := m.Body
	if m.URL != "" {
		body = strings.ReplaceAll(body, linkVar, m.URL)
	}
	err := g.post(ctx, c, "send", map[string]any{"mobile": []string{m.To}, "content": body, "sign": c.Sender, "orderId": m.ID}, &out)
	if err != nil {
		return "", err
	}
	return out.id()
}

// ssbGateway pushes to the government cloud and keeps its to-do list:
// POST /msg/push and /todo/{create|done|cancel}.
type ssbGateway struct{ httpGateway }

// Send implements Gateway.
func (g ssbGateway) Send(ctx context.Context, c Config, m Message) (string, error) {
	path, biz := "msg/push", m.ID
	in := map[string]any{
		"title": m.Title, "content": strings.ReplaceAll(m.Body, linkVar, ""), "url": m.URL, "expireAt": m.ExpireAt.UTC().Format(time.RFC3339),
		"receivers": []map[string]any{{"userid": m.To, "usertype": 1}}, "type": "msg",
	}
	if m.Op != opPush {
		// The entry is found again by the to-do and the person.
		path, in["type"], in["todoId"] = "todo/"+m.Op, "task", m.ItemID
	}
	in["bizId"] = biz
	var out coded
	if err := g.post(ctx, c, path, in, &out); err != nil {
		return "", err
	}
	return out.id()
}

// webhookGateway posts the notice as it is to the configured address.
type webhookGateway struct{ httpGateway }

// Send implements Gateway.
func (g webhookGateway) Send(ctx context.Context, c Config, m Message) (string, error) {
	err := g.post(ctx, c, "", map[string]any{
		"id": m.ID, "change": m.Change, "kind": m.Kind, "todoId": m.ItemID, "title": m.Title, "content": strings.ReplaceAll(m.Body, linkVar, ""),
		"person": m.To, "path": m.URL,
	}, nil)
	return m.ID, err
}

// ownerGateway pushes to shops and citizens: POST /owner/push. A shop is found
// by its credit code or its telephone number.
type ownerGateway struct{ httpGateway }

// unbound is the gateway's answer when nobody has an account for a shop.
const unbound = 1004

// Send implements Gateway.
func (g ownerGateway) Send(ctx context.Context, c Config, m Message) (string, error) {
	in := map[string]any{
		"bizId": m.ID, "title": m.Title, "content": strings.TrimSpace(strings.ReplaceAll(m.Body, linkVar, "")), "url": m.URL,
		"expireAt": m.ExpireAt.UTC().Format(time.RFC3339), "creditCode": m.Org, "mobile": m.To,
	}
	if m.To == m.Org {
		in["mobile"] = ""
	}
	var out coded
	if err := g.post(ctx, c, "owner/push", in, &out); err != nil {
		return "", err
	}
	if out.Code != nil && *out.Code == unbound {
		return "", &Refused{Reason: "没有绑定随申办账号", Final: true}
	}
	return out.id()
}
