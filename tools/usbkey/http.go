package main

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/emmansun/gmsm/sm2"
)

// maxPINs wrong PINs in a row lock the key until the helper starts again.
const maxPINs = 5

type helper struct {
	key     *key
	pin     string
	origins []string
	mux     *http.ServeMux

	mu    sync.Mutex
	wrong int
}

func newHelper(k *key, pin string, origins []string) *helper {
	h := &helper{key: k, pin: pin, mux: http.NewServeMux()}
	for _, o := range origins {
		h.origins = append(h.origins, strings.TrimSuffix(strings.TrimSpace(o), "/"))
	}
	h.mux.HandleFunc("GET /status", h.status)
	h.mux.HandleFunc("POST /sign", h.sign)
	return h
}

// ServeHTTP answers pages of the known origins only.
func (h *helper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	if !slices.Contains(h.origins, origin) {
		answer(w, http.StatusForbidden, map[string]string{"message": "这个页面不能使用本机的数字证书"})
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	w.Header().Set("Vary", "Origin")
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
		w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
		w.Header().Set("Access-Control-Allow-Private-Network", "true")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	h.mux.ServeHTTP(w, r)
}

func (h *helper) status(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"connected": true, "subject": h.key.cert.Subject.CommonName, "notAfter": h.key.cert.NotAfter, "pin": h.pin != ""})
}

func (h *helper) sign(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Text string `json:"text"`
		PIN  string `json:"pin"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 8<<10)).Decode(&in); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"message": "请求不是 JSON"})
		return
	}
	if !strings.HasPrefix(in.Text, "jiexun-signin/1\norigin="+r.Header.Get("Origin")+"\n") {
		answer(w, http.StatusForbidden, map[string]string{"message": "只签本页面的登录请求"})
		return
	}
	if msg := h.checkPIN(in.PIN); msg != "" {
		answer(w, http.StatusUnauthorized, map[string]string{"message": msg})
		return
	}
	sig, err := h.key.priv.Sign(rand.Reader, []byte(in.Text), sm2.NewSM2SignerOption(true, nil))
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"message": "签名失败"})
		return
	}
	answer(w, http.StatusOK, map[string]string{"signature": base64.StdEncoding.EncodeToString(sig), "certificate": h.key.pem})
}

func (h *helper) checkPIN(pin string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.wrong >= maxPINs {
		return "PIN 连续输错，证书已锁定，请重新插入"
	}
	if subtle.ConstantTimeCompare([]byte(pin), []byte(h.pin)) != 1 {
		h.wrong++
		return "PIN 不正确"
	}
	h.wrong = 0
	return ""
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the peer is gone
}
