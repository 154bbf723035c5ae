package live

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// MediaMTX speaks to the media server's own interface.
type MediaMTX struct {
	base   string
	client *http.Client
}

// NewMediaMTX speaks to the interface at base, for example
// http://127.0.0.1:9997.
func NewMediaMTX(base string) *MediaMTX {
	return &MediaMTX{base: base, client: &http.Client{Timeout: 3 * time.Second}}
}

// Kick implements Media. HLS readers have no connection to end: their ticket
// holds no more, and the server asks again for each new one.
func (m *MediaMTX) Kick(ctx context.Context, protocol, id string) error {
	kind := map[string]string{"webrtc": "webrtcsessions", "rtsp": "rtspsessions", "rtsps": "rtspssessions"}[protocol]
	if kind == "" {
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.base+"/v3/"+kind+"/kick/"+url.PathEscape(id), nil)
	if err != nil {
		return fmt.Errorf("kick viewer: %w", err)
	}
	res, err := m.client.Do(req)
	if err != nil {
		return fmt.Errorf("kick viewer: %w", err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusNotFound {
		return fmt.Errorf("kick viewer: media server answers %s", res.Status)
	}
	return nil
}
