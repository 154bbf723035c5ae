package boxlink

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"time"

	"jiexun/api/edgev1"
)

// Console is a signed-in person at the center's HTTP interface.
type Console struct {
	base, csrf string
	client     *http.Client
}

// SignIn opens a session.
func SignIn(ctx context.Context, base, account, password string) (*Console, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	c := &Console{base: base, client: &http.Client{Jar: jar, Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	var s struct {
		CSRF string `json:"csrf"`
	}
	if err := c.Do(ctx, http.MethodPost, "/api/session", map[string]string{"account": account, "password": password}, &s); err != nil {
		return nil, err
	}
	c.csrf = s.CSRF
	return c, nil
}

// Do makes one request; in and out are JSON and may be nil.
func (c *Console) Do(ctx context.Context, method, path string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, &body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-CSRF-Token", c.csrf)
	resp, err := c.client.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	if err := readAnswer(resp, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// Where simulated boxes and cameras are: a district and a street in it.
const (
	District = "310101"
	Street   = "310101013"
)

// AddBox registers a box of the district and gives its token.
func (c *Console) AddBox(ctx context.Context, name string) (id string, t Token, err error) {
	var box struct {
		ID string `json:"id"`
	}
	if err := c.Do(ctx, http.MethodPost, "/api/boxes", map[string]string{"name": name, "regionCode": District}, &box); err != nil {
		return "", t, err
	}
	var token struct {
		Token string `json:"token"`
	}
	if err := c.Do(ctx, http.MethodPost, "/api/boxes/"+box.ID+"/enrolment", nil, &token); err != nil {
		return "", t, err
	}
	t, err = ParseToken(token.Token)
	return box.ID, t, err
}

// AddCamera registers a camera on a box and gives its id.
func (c *Console) AddCamera(ctx context.Context, box, code, name string) (string, error) {
	var cam struct {
		ID string `json:"id"`
	}
	err := c.Do(ctx, http.MethodPost, "/api/cameras", map[string]any{
		"code": code, "name": name, "address": "测量用点位", "regionCode": Street, "lng": 121.49, "lat": 31.23, "boxId": box,
		"url": "rtsp://127.0.0.1:554/none", "subUrl": "", "username": "", "transport": "tcp", "intervalMs": 1000, "tags": []string{},
		"legalReview": map[string]string{"status": "pending"}, "rev": 0,
	}, &cam)
	return cam.ID, err
}

// Reconciliation is the center's own count of one day of a box.
type Reconciliation struct {
	BoxMade int64             `json:"boxMade"`
	Stored  int64             `json:"stored"`
	Missing []edgev1.SeqRange `json:"missing"`
	Gaps    []edgev1.SeqRange `json:"gaps"`
}

// Reconcile asks for today's count of a box.
func (c *Console) Reconcile(ctx context.Context, box string) (Reconciliation, error) {
	var r Reconciliation
	err := c.Do(ctx, http.MethodGet, "/api/boxes/"+box+"/reconcile", nil, &r)
	return r, err
}

// OnlineBoxes asks how many boxes the center calls online.
func (c *Console) OnlineBoxes(ctx context.Context) (int, error) {
	var list struct {
		Total int `json:"total"`
	}
	err := c.Do(ctx, http.MethodGet, "/api/boxes?state=online&size=1", nil, &list)
	return list.Total, err
}
