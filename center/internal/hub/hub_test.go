package hub_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/prometheus/client_golang/prometheus"

	"jiexun/api/edgev1"
	"jiexun/center/internal/hub"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/testkit"
)

// registry knows boxes by the serial of their certificate.
type registry struct {
	mu        sync.Mutex
	serial    map[string]string
	instance  map[string]string
	revoked   map[string]bool
	duplicate map[string]int
}

func newRegistry() *registry {
	return &registry{serial: map[string]string{}, instance: map[string]string{}, revoked: map[string]bool{}, duplicate: map[string]int{}}
}

func (r *registry) Enrol(_ context.Context, q edgev1.EnrolRequest, sign func(string) (string, string, error)) (hub.Identity, error) {
	if !strings.HasPrefix(q.Token, "secret-") {
		return hub.Identity{}, errs.New(errs.Unauthenticated, "令牌无效")
	}
	edge := strings.TrimPrefix(q.Token, "secret-")
	chain, serial, err := sign(edge)
	if err != nil {
		return hub.Identity{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.serial[edge], r.instance[edge] = serial, q.Instance
	return hub.Identity{Edge: edge, Name: "盒 " + edge, Chain: chain}, nil
}

func (r *registry) Admit(_ context.Context, edge, serial, instance string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.revoked[edge], r.serial[edge] != serial:
		return errs.Forbidden("已吊销")
	case instance != "" && instance != r.instance[edge]:
		r.duplicate[edge]++
		return errs.Conflict("第二台机器")
	}
	return nil
}

// sink stores the events it takes, as a domain does: in the transaction.
type sink struct {
	mu   sync.Mutex
	fail error
}

func (s *sink) TakeEvents(ctx context.Context, tx db.Tx, edge string, list []edgev1.Received) (map[int]error, error) {
	s.mu.Lock()
	fail := s.fail
	s.mu.Unlock()
	bad := map[int]error{}
	for i, e := range list {
		var text edgev1.Event
		if err := json.Unmarshal(e.Text, &text); err != nil || text.ID != e.ID || text.Rev != e.Rev {
			return nil, fmt.Errorf("event %s came with the text %s: %w", e.ID, e.Text, err)
		}
		if e.Detail == "refuse me" {
			bad[i] = errs.Invalidf("event.camera", "没有点位 %s", e.Camera)
			continue
		}
		if e.Detail == "break" {
			return nil, errors.New("the domain has a fault")
		}
		if _, err := tx.NewRaw("INSERT INTO sink_events (edge, id, rev) VALUES (?, ?, ?)", edge, e.ID, e.Rev).Exec(ctx); err != nil {
			return nil, err
		}
	}
	return bad, fail
}

type rig struct {
	t     *testing.T
	db    *db.DB
	clock *clock.Fake
	hub   *hub.Service
	ca    *hub.CA
	reg   *registry
	sink  *sink
	blobs *blob.Store
	dir   string
	m     *prometheus.Registry
}

func newRig(t *testing.T, d *db.DB, c *clock.Fake) *rig {
	t.Helper()
	if _, err := d.SQL().Exec("CREATE TABLE sink_events (edge TEXT, id TEXT, rev INTEGER, PRIMARY KEY (id, rev))"); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, db: d, clock: c, reg: newRegistry(), sink: &sink{}, m: prometheus.NewRegistry()}
	var err error
	if r.ca, err = hub.OpenCA(t.TempDir(), c.Now); err != nil {
		t.Fatal(err)
	}
	r.dir = t.TempDir()
	if r.blobs, err = blob.Open(r.dir); err != nil {
		t.Fatal(err)
	}
	r.hub = hub.New(hub.Options{
		DB: d, Clock: c, Log: testkit.Log(t), Metrics: r.m, Blobs: r.blobs, CA: r.ca, Registry: r.reg, Sink: r.sink, Observations: r.sink,
		MQTT: "127.0.0.1:0", HTTPS: "127.0.0.1:0",
	})
	if err := r.hub.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.hub.Close(); err != nil {
			t.Errorf("close hub: %v", err)
		}
	})
	return r
}

func (r *rig) refused(reason string) float64 {
	r.t.Helper()
	fams, err := r.m.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range fams {
		if f.GetName() != "jiexun_hub_refused_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == reason {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func (r *rig) count(q string) int {
	r.t.Helper()
	var n int
	if err := r.db.SQL().QueryRow(q).Scan(&n); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// box is an enrolled box.
type box struct {
	r        *rig
	edge     string
	instance string
	tls      *tls.Config
	http     *http.Client
	epoch    string
	acks     chan edgev1.Ack
	down     chan paho.Message
}

func csr(t *testing.T) (string, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), key
}

func (r *rig) post(req edgev1.EnrolRequest) (int, []byte) {
	r.t.Helper()
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: r.ca.Pool(), Time: r.clock.Now}}}
	defer c.CloseIdleConnections()
	b, err := json.Marshal(req)
	if err != nil {
		r.t.Fatal(err)
	}
	code, body, _ := do(r.t, c, http.MethodPost, "https://"+r.hub.HTTPSAddr()+"/edge/v1/enrol", b, nil)
	return code, body
}

func (r *rig) enrol(edge string) *box {
	r.t.Helper()
	req, key := csr(r.t)
	b := &box{r: r, edge: edge, instance: ids.New(), epoch: ids.New(), acks: make(chan edgev1.Ack, 1000), down: make(chan paho.Message, 100)}
	code, body := r.post(edgev1.EnrolRequest{Token: "secret-" + edge, Instance: b.instance, CSR: req, Version: "t", Hostname: "h"})
	if code != 200 {
		r.t.Fatalf("enrol: %d %s", code, body)
	}
	res := testkit.JSON[edgev1.EnrolResponse](r.t, body)
	cert := tls.Certificate{PrivateKey: key}
	rest := []byte(res.Certificate)
	for {
		var p *pem.Block
		if p, rest = pem.Decode(rest); p == nil {
			break
		}
		cert.Certificate = append(cert.Certificate, p.Bytes)
	}
	b.tls = &tls.Config{RootCAs: r.ca.Pool(), Certificates: []tls.Certificate{cert}, Time: r.clock.Now}
	b.http = &http.Client{Transport: &http.Transport{TLSClientConfig: b.tls}}
	r.t.Cleanup(b.http.CloseIdleConnections)
	if res.Edge != edge || res.MQTT != "tls://"+r.hub.MQTTAddr() || res.HTTPS != "https://"+r.hub.HTTPSAddr() {
		r.t.Fatalf("enrolment answer %+v", res)
	}
	return b
}

func (b *box) options(instance string) *paho.ClientOptions {
	return paho.NewClientOptions().AddBroker("tls://" + b.r.hub.MQTTAddr()).SetClientID(b.edge + "/" + instance).SetTLSConfig(b.tls).
		SetCleanSession(false).SetAutoReconnect(false).SetConnectTimeout(5 * time.Second).SetOrderMatters(false).SetResumeSubs(true)
}

func (b *box) connect() paho.Client {
	b.r.t.Helper()
	c := paho.NewClient(b.options(b.instance))
	if err := wait(c.Connect()); err != nil {
		b.r.t.Fatalf("connect: %v", err)
	}
	b.r.t.Cleanup(func() { c.Disconnect(50) })
	err := wait(c.Subscribe(edgev1.Topic(b.edge, "down/#"), 1, func(_ paho.Client, m paho.Message) {
		if strings.HasSuffix(m.Topic(), "/ack") {
			var a edgev1.Ack
			if json.Unmarshal(m.Payload(), &a) == nil {
				b.acks <- a
			}
			return
		}
		b.down <- m
	}))
	if err != nil {
		b.r.t.Fatal(err)
	}
	return c
}

func wait(t paho.Token) error {
	if !t.WaitTimeout(5 * time.Second) {
		return errors.New("no answer within five seconds")
	}
	return t.Error()
}

func (b *box) event(seq int64, change func(*edgev1.Event)) edgev1.Envelope {
	at := edgev1.At(b.r.clock.Now())
	e := &edgev1.Event{ID: ids.New(), Rev: 1, Camera: "c1", Kind: edgev1.Stacking, Phase: edgev1.Opened, Zone: "z1", Since: at, ConfirmedAt: at, Score: .8, Area: .1, Box: edgev1.Box{X: .1, Y: .1, W: .2, H: .2}}
	if change != nil {
		change(e)
	}
	return edgev1.Envelope{Seq: seq, ID: ids.New(), MadeAt: at, Event: e}
}

func (b *box) batch(items ...edgev1.Envelope) edgev1.Batch {
	return edgev1.Batch{V: 1, Edge: b.edge, Epoch: b.epoch, SentAt: edgev1.At(b.r.clock.Now()), Items: items}
}

func (b *box) send(c paho.Client, suffix string, v any) {
	b.r.t.Helper()
	p, ok := v.([]byte)
	if !ok {
		var err error
		if p, err = json.Marshal(v); err != nil {
			b.r.t.Fatal(err)
		}
	}
	if err := wait(c.Publish(edgev1.Topic(b.edge, suffix), 1, false, p)); err != nil {
		b.r.t.Fatalf("publish: %v", err)
	}
}

func (b *box) ack() edgev1.Ack {
	b.r.t.Helper()
	select {
	case a := <-b.acks:
		return a
	case <-time.After(10 * time.Second):
		b.r.t.Fatal("no acknowledgement")
		return edgev1.Ack{}
	}
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 500 {
		if f() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

func TestIngest(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		r := newRig(t, d, c)
		b := r.enrol("e1")
		cl := b.connect()
		first := b.batch(b.event(1, nil), b.event(2, nil), b.event(3, func(e *edgev1.Event) {
			e.Evidence = []edgev1.EvidenceRef{{Role: "frame", SM3: blob.Digest([]byte("x")), Size: 1, MediaType: "image/jpeg", TakenAt: edgev1.At(c.Now())}}
		}))
		b.send(cl, edgev1.UpEvent, first)
		a := b.ack()
		if fmt.Sprint(a.Accepted) != "[{1 3}]" || len(a.Rejected) != 0 || len(a.Want) != 1 || a.Epoch != b.epoch {
			t.Fatalf("ack %+v", a)
		}
		b.send(cl, edgev1.UpEvent, first)
		if a = b.ack(); fmt.Sprint(a.Accepted) != "[{1 3}]" {
			t.Fatalf("ack of the repeated batch %+v", a)
		}
		if n := r.count("SELECT COUNT(*) FROM hub_messages"); n != 3 {
			t.Fatalf("%d messages stored, want 3", n)
		}
		poison := b.event(5, func(e *edgev1.Event) { e.Score = 7 })
		mixed := b.batch(b.event(4, nil), poison, b.event(6, func(e *edgev1.Event) { e.Detail = "refuse me" }), b.event(7, nil))
		for try := range 2 { // the answer to a repetition is the same
			b.send(cl, edgev1.UpEvent, mixed)
			a = b.ack()
			fields := map[int64]string{}
			for _, x := range a.Rejected {
				fields[x.Seq] = x.Field
			}
			if fmt.Sprint(a.Accepted) != "[{4 4} {7 7}]" || fields[5] != "event.score" || fields[6] != "event.camera" {
				t.Fatalf("try %d: ack %+v", try, a)
			}
		}
		// A hole, explained by the box later.
		b.send(cl, edgev1.UpEvent, b.batch(b.event(12, nil)))
		b.ack()
		rec, err := r.hub.Reconcile(t.Context(), "e1", clock.YMD(c.Now()))
		if err != nil || fmt.Sprint(rec.Missing) != "[{8 11}]" || rec.BoxMade != 12 {
			t.Fatalf("reconciliation %+v %v", rec, err)
		}
		b.send(cl, edgev1.UpEvent, b.batch(edgev1.Envelope{Seq: 13, ID: ids.New(), MadeAt: edgev1.At(c.Now()), Gap: &edgev1.Gap{From: 8, To: 11, Reason: "磁盘满"}}))
		b.ack()
		rec, err = r.hub.Reconcile(t.Context(), "e1", clock.YMD(c.Now()))
		if err != nil || len(rec.Missing) != 0 || fmt.Sprint(rec.Gaps) != "[{8 11}]" || rec.BoxMade != 13 || rec.Stored != 7 {
			t.Fatalf("reconciliation %+v %v", rec, err)
		}
		if n := r.count("SELECT COUNT(*) FROM sink_events"); n != 6 {
			t.Fatalf("the domain has %d events, want 6", n)
		}
	})
}

// A domain's fault holds up only the batch that it is about, and nothing of
// that batch is stored or acknowledged.
func TestFaultyBatchAlone(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		r := newRig(t, d, c)
		good, bad := r.enrol("good"), r.enrol("bad")
		g, x := good.connect(), bad.connect()
		bad.send(x, edgev1.UpEvent, bad.batch(bad.event(1, func(e *edgev1.Event) { e.Detail = "break" })))
		good.send(g, edgev1.UpEvent, good.batch(good.event(1, nil)))
		good.ack()
		eventually(t, "the faulty batch is counted", func() bool { return r.refused("store") == 1 })
		if n := r.count("SELECT COUNT(*) FROM hub_messages"); n != 1 {
			t.Fatalf("%d messages, want 1", n)
		}
		bad.send(x, edgev1.UpEvent, bad.batch(bad.event(1, nil)))
		if a := bad.ack(); fmt.Sprint(a.Accepted) != "[{1 1}]" {
			t.Fatalf("ack %+v", a)
		}
	})
}

// While another process holds SQLite's lock nothing is acknowledged and
// nothing is lost.
func TestLockedDatabase(t *testing.T) {
	c := clock.NewFake(testkit.Start())
	d := testkit.SQLite(t, c)
	r := newRig(t, d, c)
	b := r.enrol("e1")
	cl := b.connect()
	tx, err := d.SQL().Begin() // the only writing connection
	if err != nil {
		t.Fatal(err)
	}
	b.send(cl, edgev1.UpEvent, b.batch(b.event(1, nil)))
	select {
	case a := <-b.acks:
		t.Fatalf("acknowledged while locked: %+v", a)
	case <-time.After(300 * time.Millisecond):
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if a := b.ack(); fmt.Sprint(a.Accepted) != "[{1 1}]" {
		t.Fatalf("ack %+v", a)
	}
}

func TestRefusals(t *testing.T) {
	c := clock.NewFake(testkit.Start())
	r := newRig(t, testkit.SQLite(t, c), c)
	b, other := r.enrol("e1"), r.enrol("e2")
	connectAs := func(o *paho.ClientOptions) error {
		x := paho.NewClient(o)
		defer x.Disconnect(0)
		return wait(x.Connect())
	}
	if err := connectAs(b.options("another-machine")); err == nil || !strings.Contains(err.Error(), "not Authorized") || r.reg.duplicate["e1"] == 0 {
		t.Errorf("second machine with the same certificate: %v, noted %d times", err, r.reg.duplicate["e1"])
	}
	if err := connectAs(b.options("x").SetClientID("e2/" + other.instance)); err == nil || r.refused("clientId") == 0 {
		t.Errorf("client id of another box: %v", err)
	}
	if err := connectAs(b.options(b.instance).SetWill(edgev1.Topic("e2", edgev1.UpStatus), "x", 1, false)); err == nil || r.refused("willTopic") == 0 {
		t.Errorf("last will on another box's topic: %v", err)
	}
	if err := connectAs(b.options(b.instance).SetTLSConfig(&tls.Config{RootCAs: r.ca.Pool(), Time: c.Now})); err == nil {
		t.Error("connected without a certificate")
	}
	r.reg.revoked["e2"] = true
	if err := connectAs(other.options(other.instance)); err == nil || r.refused("notAdmitted") == 0 {
		t.Errorf("revoked box: %v", err)
	}
	cl := b.connect()
	cl.Publish(edgev1.Topic("e2", edgev1.UpEvent), 1, false, "{}") // is never answered
	eventually(t, "writing another box's topic is counted", func() bool { return r.refused("topic") == 1 })
	eventually(t, "and ends the line", func() bool { return !cl.IsConnected() })
	cl = b.connect()
	for reason, payload := range map[string][]byte{
		"batch":           []byte("{not json"),
		"payloadTooLarge": []byte(`{"v":1,"pad":"` + strings.Repeat("x", edgev1.MaxPayload) + `"}`),
	} {
		b.send(cl, edgev1.UpEvent, payload)
		eventually(t, reason, func() bool { return r.refused(reason) == 1 })
	}
	forged := b.batch(b.event(1, nil))
	forged.Edge = "e2"
	b.send(cl, edgev1.UpEvent, forged)
	eventually(t, "batch of another box", func() bool { return r.refused("batch") == 2 })
	b.send(cl, edgev1.UpStatus, []byte(`{"v":1}`))
	eventually(t, "bad status", func() bool { return r.refused("status") == 1 })
	// After all that the line still works.
	b.send(cl, edgev1.UpEvent, b.batch(b.event(1, nil)))
	b.ack()
	// Far too large: the line is closed, and counted.
	cl.Publish(edgev1.Topic(b.edge, edgev1.UpEvent), 1, false, make([]byte, 3*edgev1.MaxPayload))
	eventually(t, "huge payload", func() bool { return r.refused("payloadTooLarge") == 2 })
}

func TestEnrolRefusals(t *testing.T) {
	c := clock.NewFake(testkit.Start())
	r := newRig(t, testkit.SQLite(t, c), c)
	good, _ := csr(t)
	for name, tc := range map[string]struct {
		req  edgev1.EnrolRequest
		code int
		has  string
	}{
		"wrong token": {edgev1.EnrolRequest{Token: "guess", Instance: "i", CSR: good}, 401, "令牌"},
		"no instance": {edgev1.EnrolRequest{Token: "secret-e", CSR: good}, 422, `"name":"instance"`},
		"bad CSR":     {edgev1.EnrolRequest{Token: "secret-e", Instance: "i", CSR: "x"}, 422, `"name":"csr"`},
		"too large":   {edgev1.EnrolRequest{Token: "secret-e", Instance: "i", CSR: strings.Repeat("x", 40000)}, 413, "太大"},
	} {
		code, body := r.post(tc.req)
		if code != tc.code || !strings.Contains(string(body), tc.has) {
			t.Errorf("%s: %d %s, want %d with %s", name, code, body, tc.code, tc.has)
		}
	}
}

func TestCommandsAndConfig(t *testing.T) {
	c := clock.NewFake(testkit.Start())
	r := newRig(t, testkit.SQLite(t, c), c)
	b := r.enrol("e1")
	if _, err := r.hub.Send(t.Context(), "e1", edgev1.Command{Kind: edgev1.CmdSnapshot, Camera: "c1"}); !errs.Is(err, errs.Unavailable) {
		t.Fatalf("command to an absent box: %v", err)
	}
	// Published while the box is away, and kept for it.
	ref := []byte("a reference picture")
	kept, err := r.blobs.PutBytes(t.Context(), ref, "image/jpeg")
	if err != nil {
		t.Fatal(err)
	}
	cfg := edgev1.Config{Version: 7, Cameras: []edgev1.Camera{{ID: "c1", URL: "rtsp://127.0.0.1/x", ReferenceSM3: kept.SM3, Zones: []edgev1.Zone{}}}}
	if err := r.hub.Publish("e1", cfg); err != nil {
		t.Fatal(err)
	}
	cl := b.connect()
	m := <-b.down
	if got := testkit.JSON[edgev1.Config](t, m.Payload()); got.Version != 7 || got.Edge != "e1" {
		t.Fatalf("configuration %+v", got)
	}
	go func() {
		m := <-b.down
		var cmd edgev1.Command
		_ = json.Unmarshal(m.Payload(), &cmd)
		b.send(cl, edgev1.UpResult, edgev1.Result{V: 1, Edge: "e1", Command: ids.New(), At: edgev1.At(c.Now()), OK: false}) // of another command
		b.send(cl, edgev1.UpResult, edgev1.Result{V: 1, Edge: "e1", Command: cmd.ID, At: edgev1.At(c.Now()), OK: true, Message: string(cmd.Kind)})
	}()
	res, err := r.hub.Send(t.Context(), "e1", edgev1.Command{Kind: edgev1.CmdSnapshot, Camera: "c1", TTLS: 5})
	if err != nil || !res.OK || res.Message != "snapshot" {
		t.Fatalf("answer %+v %v", res, err)
	}
	if _, err := r.hub.Send(t.Context(), "e1", edgev1.Command{Kind: edgev1.CmdSnapshot, Camera: "c1", TTLS: 1}); !errs.Is(err, errs.Unavailable) {
		t.Fatalf("a box that does not answer: %v", err)
	}
	base := "https://" + r.hub.HTTPSAddr()
	if code, body, _ := do(t, b.http, "GET", base+"/edge/v1/blobs/"+kept.SM3, nil, nil); code != 200 || string(body) != string(ref) {
		t.Errorf("fetch of the reference: %d", code)
	}
	secret, err := r.blobs.PutBytes(t.Context(), []byte("not of this box"), "image/jpeg")
	if err != nil {
		t.Fatal(err)
	}
	if code, _, _ := do(t, b.http, "GET", base+"/edge/v1/blobs/"+secret.SM3, nil, nil); code != 404 {
		t.Errorf("fetch of a file that the configuration does not name: %d", code)
	}
}

func TestStatus(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		r := newRig(t, d, c)
		b := r.enrol("e1")
		cl := b.connect()
		b.send(cl, edgev1.UpEvent, b.batch(b.event(2, nil)))
		b.ack()
		b.send(cl, edgev1.UpStatus, edgev1.Status{V: 1, Edge: "e1", Instance: b.instance, Epoch: b.epoch, At: edgev1.At(c.Now().Add(-2 * time.Second)), LastSeq: 5, Cameras: []edgev1.CameraStatus{}})
		eventually(t, "status is published", func() bool {
			return r.count("SELECT COUNT(*) FROM event_outbox WHERE topic = 'edge.status'") == 1
		})
		var payload string
		if err := d.SQL().QueryRow("SELECT payload FROM event_outbox WHERE topic = 'edge.status'").Scan(&payload); err != nil {
			t.Fatal(err)
		}
		e := testkit.JSON[hub.StatusEvent](t, []byte(payload))
		if e.ClockOffsetMS != -2000 || e.Missing != 1 || e.Status.LastSeq != 5 {
			t.Fatalf("status event %+v", e)
		}
		rec, err := r.hub.Reconcile(t.Context(), "e1", clock.YMD(c.Now()))
		if err != nil || rec.BoxMade != 5 || fmt.Sprint(rec.Missing) != "[{1 1} {3 5}]" {
			t.Fatalf("reconciliation %+v %v", rec, err)
		}
	})
}

// What was taken before a stop is committed and acknowledged or sent again:
// nothing is lost over restarts of the hub while a box keeps sending.
func TestRestartLosesNothing(t *testing.T) {
	c := clock.NewFake(testkit.Start())
	d := testkit.SQLite(t, c)
	r := newRig(t, d, c)
	b := r.enrol("e1")
	const total = 300
	open := map[int64]edgev1.Envelope{}
	for s := int64(1); s <= total; s++ {
		open[s] = b.event(s, nil)
	}
	for round := 0; len(open) > 0; round++ {
		if round > 200 {
			t.Fatalf("%d messages were never acknowledged", len(open))
		}
		cl := b.connect()
		items := []edgev1.Envelope{}
		for _, e := range open {
			if items = append(items, e); len(items) == 20 {
				break
			}
		}
		b.send(cl, edgev1.UpEvent, b.batch(items...))
		if round%3 == 0 { // stop in the middle, with the answer on its way or not
			r.restart(t)
		} else {
			for _, s := range b.ack().Accepted {
				for n := s.From; n <= s.To; n++ {
					delete(open, n)
				}
			}
		}
		cl.Disconnect(0)
		for len(b.acks) > 0 {
			for _, s := range (<-b.acks).Accepted {
				for n := s.From; n <= s.To; n++ {
					delete(open, n)
				}
			}
		}
	}
	if n := r.count("SELECT COUNT(*) FROM hub_messages"); n != total {
		t.Fatalf("%d messages stored, want %d", n, total)
	}
	if n := r.count("SELECT COUNT(*) FROM sink_events"); n != total {
		t.Fatalf("%d events in the domain, want %d", n, total)
	}
}

func (r *rig) restart(t *testing.T) {
	t.Helper()
	if err := r.hub.Close(); err != nil {
		t.Fatal(err)
	}
	r.hub = hub.New(hub.Options{
		DB: r.db, Clock: r.clock, Log: testkit.Log(t), Blobs: r.blobs, CA: r.ca, Registry: r.reg, Sink: r.sink, MQTT: "127.0.0.1:0", HTTPS: "127.0.0.1:0",
	})
	if err := r.hub.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}
