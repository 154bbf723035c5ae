package app_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/app"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/testkit"
)

// browser is a signed-in client over real HTTP.
type browser struct {
	t    *testing.T
	base string
	head map[string]string
}

func (b *browser) do(method, path string, body any) (int, []byte) {
	b.t.Helper()
	var r io.Reader
	if body != nil {
		j, err := json.Marshal(body)
		if err != nil {
			b.t.Fatal(err)
		}
		r = bytes.NewReader(j)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, r)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for k, v := range b.head {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if path == "/api/session" && method == "POST" && res.StatusCode == 200 {
		b.head = map[string]string{"Cookie": strings.Split(res.Header.Get("Set-Cookie"), ";")[0], "X-CSRF-Token": testkit.JSON[access.Session](b.t, out).CSRF}
	}
	return res.StatusCode, out
}

func (b *browser) must(method, path string, body any) map[string]any {
	b.t.Helper()
	code, out := b.do(method, path, body)
	if code/100 != 2 {
		b.t.Fatalf("%s %s: %d %s", method, path, code, out)
	}
	if len(out) == 0 {
		return nil
	}
	return testkit.JSON[map[string]any](b.t, out)
}

func signIn(t *testing.T, a *app.App, account string) *browser {
	t.Helper()
	b := &browser{t: t, base: "http://" + a.HTTPAddr()}
	b.must("POST", "/api/session", map[string]string{"account": account, "password": password})
	return b
}

// stream collects the names of the notices that a page gets.
func (b *browser) stream(ctx context.Context) <-chan string {
	b.t.Helper()
	req, err := http.NewRequestWithContext(ctx, "GET", b.base+"/api/stream", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Cookie", b.head["Cookie"])
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != 200 {
		b.t.Fatalf("open stream: %v %v", res, err)
	}
	out := make(chan string, 100)
	go func() {
		defer close(out)
		defer func() { _ = res.Body.Close() }()
		sc := bufio.NewScanner(res.Body)
		name := ""
		for sc.Scan() {
			if s, ok := strings.CutPrefix(sc.Text(), "event: "); ok {
				name = s
			}
			if s, ok := strings.CutPrefix(sc.Text(), "data: "); ok {
				out <- name + " " + s
			}
		}
	}()
	return out
}

func expect(t *testing.T, from <-chan string, what string) {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		select {
		case s, ok := <-from:
			if !ok {
				t.Fatalf("the stream ended before %q", what)
			}
			if strings.HasPrefix(s, what) {
				return
			}
		case <-late:
			t.Fatalf("no %q came", what)
		}
	}
}

// enrolBox takes a token as a box does, and connects.
func enrolBox(t *testing.T, token string) (edgev1.EnrolResponse, *tls.Config, string) {
	t.Helper()
	parts := strings.Split(token, "#")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	instance := ids.New()
	req, err := json.Marshal(edgev1.EnrolRequest{Token: parts[1], Instance: instance, CSR: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), Hostname: "h"})
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
		last := s.PeerCertificates[len(s.PeerCertificates)-1]
		if got := fmt.Sprintf("%x", sha256.Sum256(last.Raw)); got != parts[2] {
			return fmt.Errorf("authority %s is not the one of the token", got)
		}
		return nil
	}}}}
	defer c.CloseIdleConnections()
	res, err := c.Post(parts[0]+"/edge/v1/enrol", "application/json", bytes.NewReader(req))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("enrol: %d %s %v", res.StatusCode, body, err)
	}
	out := testkit.JSON[edgev1.EnrolResponse](t, body)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(out.CA))
	cert := tls.Certificate{PrivateKey: key}
	for p, rest := pem.Decode([]byte(out.Certificate)); p != nil; p, rest = pem.Decode(rest) {
		cert.Certificate = append(cert.Certificate, p.Bytes)
	}
	return out, &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}}, instance
}

// newCamera puts a camera on a box and gives its id.
func newCamera(it *browser, box string) string {
	it.t.Helper()
	return it.must("POST", "/api/cameras", map[string]any{
		"code": "310101013901", "name": "测试点位", "address": "演示路", "regionCode": "310101013", "lng": 121.48, "lat": 31.23, "boxId": box,
		"url": "rtsp://127.0.0.1:9/x", "subUrl": "", "username": "", "transport": "tcp", "intervalMs": 1000, "tags": []string{},
		"legalReview": map[string]any{"status": "pending"}, "rev": 0,
	})["id"].(string)
}

// connect opens the MQTT line of an enrolled box.
func connect(t *testing.T, id edgev1.EnrolResponse, tc *tls.Config, instance string) paho.Client {
	t.Helper()
	cl := paho.NewClient(paho.NewClientOptions().AddBroker(id.MQTT).SetClientID(id.Edge + "/" + instance).SetTLSConfig(tc).SetAutoReconnect(false))
	wait(t, cl.Connect())
	return cl
}

// One box from its token to an alert on the operator's page, and its revocation.
func TestBoxToPage(t *testing.T) {
	a := newCenter(t)
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	closed := false
	defer func() {
		if !closed {
			_ = a.Close()
		}
	}()
	person(t, a, "yunwei", "310101", "it")
	person(t, a, "caozuo", "310000", "bureau_operator")
	person(t, a, "xuhui", "310104", "bureau_operator")
	it, op := signIn(t, a, "yunwei"), signIn(t, a, "caozuo")

	box := it.must("POST", "/api/boxes", map[string]string{"name": "一号盒", "regionCode": "310101"})["id"].(string)
	if code, _ := it.do("POST", "/api/boxes", map[string]string{"name": "二号盒", "regionCode": "310104"}); code != 422 {
		t.Errorf("a box outside the scope: %d", code)
	}
	if rec := it.must("GET", "/api/boxes/"+box+"/reconcile", nil); rec["boxMade"].(float64) != 0 || len(rec["missing"].([]any)) != 0 {
		t.Errorf("reconciliation of a box that never came: %v", rec)
	}
	token := it.must("POST", "/api/boxes/"+box+"/enrolment", nil)["token"].(string)
	id, tc, instance := enrolBox(t, token)
	if id.Edge != box {
		t.Fatalf("enrolled as %s, want %s", id.Edge, box)
	}
	camera := newCamera(it, box)

	cl := connect(t, id, tc, instance)
	configs, acks := make(chan edgev1.Config, 10), make(chan edgev1.Ack, 10)
	wait(t, cl.Subscribe(edgev1.Topic(box, "down/#"), 1, func(_ paho.Client, m paho.Message) {
		switch {
		case strings.HasSuffix(m.Topic(), "/config"):
			var c edgev1.Config
			if json.Unmarshal(m.Payload(), &c) == nil {
				configs <- c
			}
		case strings.HasSuffix(m.Topic(), "/ack"):
			var x edgev1.Ack
			if json.Unmarshal(m.Payload(), &x) == nil {
				acks <- x
			}
		}
	}))
	select {
	case c := <-configs:
		if len(c.Cameras) != 1 || c.Cameras[0].ID != camera {
			t.Fatalf("desired state %+v", c)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("no desired state came")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	notices := op.stream(ctx)
	other := signIn(t, a, "xuhui").stream(ctx)
	expect(t, notices, `counts {"alertsPending":0`)
	expect(t, other, "counts")

	now, epoch := edgev1.At(time.Now()), ids.New()
	send := func(suffix string, v any) {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		wait(t, cl.Publish(edgev1.Topic(box, suffix), 1, false, b))
	}
	send(edgev1.UpStatus, edgev1.Status{V: 1, Edge: box, Instance: instance, Epoch: epoch, At: now, Version: "t", Cameras: []edgev1.CameraStatus{
		{Camera: camera, State: edgev1.Online, Since: now, Diagnosis: edgev1.Healthy, IntervalMS: 1000, UploadAgeMS: -1},
	}})
	expect(t, notices, `box {"id":"`+box+`","state":"online"}`)
	send(edgev1.UpEvent, edgev1.Batch{V: 1, Edge: box, Epoch: epoch, SentAt: now, Items: []edgev1.Envelope{{Seq: 1, ID: ids.New(), MadeAt: now, Event: &edgev1.Event{
		ID: ids.New(), Rev: 1, Camera: camera, Kind: edgev1.Stacking, Phase: edgev1.Opened, Zone: "z1", ZoneName: "人行道", Since: now, ConfirmedAt: now,
		Score: .9, Area: .1, Box: edgev1.Box{X: .1, Y: .1, W: .2, H: .2},
		Evidence: []edgev1.EvidenceRef{{Role: "frame", SM3: blob.Digest([]byte("x")), Size: 1, MediaType: "image/jpeg", TakenAt: now}},
	}}}})
	x := <-acks
	if len(x.Accepted) != 1 || len(x.Rejected) != 0 || len(x.Want) != 1 {
		t.Fatalf("acknowledgement %+v", x)
	}
	expect(t, notices, "alert ")
	expect(t, notices, `counts {"alertsPending":1`)
	if l := op.must("GET", "/api/alerts?tab=pending", nil); l["total"].(float64) != 1 {
		t.Errorf("alerts %v", l)
	}
	d := it.must("GET", "/api/boxes/"+box, nil)
	if d["state"] != "online" || d["cameras"].(map[string]any)["online"].(float64) != 1 || len(d["history"].([]any)) == 0 {
		t.Errorf("box %v", d)
	}
	day := time.Now().In(clock.Shanghai()).Format(time.DateOnly)
	for _, query := range []string{"", "?day=" + day, "?day="} {
		rec := it.must("GET", "/api/boxes/"+box+"/reconcile"+query, nil)
		if rec["day"] != day || rec["boxMade"].(float64) != 1 || rec["stored"].(float64) != 1 {
			t.Errorf("reconciliation %q: %v", query, rec)
		}
	}
	far := signIn(t, a, "xuhui")
	for _, path := range []string{"/api/boxes/" + box, "/api/boxes/" + box + "/reconcile"} {
		if code, _ := far.do("GET", path, nil); code != 404 {
			t.Errorf("another district asks for %s: %d", path, code)
		}
	}
	if code, out := it.do("GET", "/api/boxes/"+box+"/reconcile?day=gestern", nil); code != 422 {
		t.Errorf("a day that is none: %d %s", code, out)
	}
	it.must("POST", "/api/boxes/"+box+"/revoke", map[string]string{"reason": "退役"})
	expect(t, notices, `box {"id":"`+box+`","state":"revoked"}`)
	for i := 0; cl.IsConnected(); i++ {
		if i > 300 {
			t.Fatal("the revoked box stays connected")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if len(other) > 0 {
		t.Errorf("another district's page got %q", <-other)
	}
	begin := time.Now()
	closed = true
	if err := a.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if took := time.Since(begin); took > 8*time.Second {
		t.Errorf("closing with open streams hung for %s", took)
	}
}

func wait(t *testing.T, k paho.Token) {
	t.Helper()
	if !k.WaitTimeout(5*time.Second) || k.Error() != nil {
		t.Fatalf("MQTT: %v", k.Error())
	}
}
