package link_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm3"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/identity"
	"jiexun/edge-agent/internal/link"
	"jiexun/edge-agent/internal/outbox"
)

const edge = "01JXEDGE0000000000000000AA"

// center is a broker that stores rows and acknowledges them as told.
type center struct {
	t    *testing.T
	addr string

	mu      sync.Mutex
	srv     *mqtt.Server
	rows    map[int64]int
	results []edgev1.Result
	status  int
	silent  bool
	reject  map[int64]string
}

func startCenter(t *testing.T, addr string) *center {
	t.Helper()
	c := &center{t: t, addr: addr, rows: map[int64]int{}, reject: map[int64]string{}}
	c.up()
	t.Cleanup(c.down)
	return c
}

func (c *center) up() {
	c.t.Helper()
	ln, err := net.Listen("tcp", c.addr)
	if err != nil {
		c.t.Fatal(err)
	}
	c.addr = ln.Addr().String()
	srv := mqtt.New(&mqtt.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	if err := srv.AddHook(new(openDoor), nil); err != nil {
		c.t.Fatal(err)
	}
	if err := srv.AddListener(listeners.NewNet("t", ln)); err != nil {
		c.t.Fatal(err)
	}
	if err := srv.Serve(); err != nil {
		c.t.Fatal(err)
	}
	if err := srv.Subscribe(edgev1.TopicPrefix+"+/up/#", 1, func(_ *mqtt.Client, _ packets.Subscription, pk packets.Packet) { c.take(srv, pk) }); err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	c.srv = srv
	c.mu.Unlock()
}

// openDoor lets everyone in; who may do what is the center's own test.
type openDoor struct{ mqtt.HookBase }

func (*openDoor) ID() string { return "open" }
func (*openDoor) Provides(b byte) bool {
	return b == mqtt.OnConnectAuthenticate || b == mqtt.OnACLCheck
}
func (*openDoor) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }
func (*openDoor) OnACLCheck(*mqtt.Client, string, bool) bool              { return true }

func (c *center) down() {
	c.mu.Lock()
	srv := c.srv
	c.srv = nil
	c.mu.Unlock()
	if srv != nil {
		_ = srv.Close()
	}
}

func (c *center) take(srv *mqtt.Server, pk packets.Packet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch pk.TopicName {
	case edgev1.Topic(edge, edgev1.UpStatus):
		c.status++
	case edgev1.Topic(edge, edgev1.UpResult):
		var r edgev1.Result
		if json.Unmarshal(pk.Payload, &r) == nil {
			c.results = append(c.results, r)
		}
	case edgev1.Topic(edge, edgev1.UpEvent):
		var b edgev1.Batch
		if err := json.Unmarshal(pk.Payload, &b); err != nil {
			c.t.Error(err)
			return
		}
		a := edgev1.Ack{V: 1, Edge: edge, Epoch: b.Epoch, At: edgev1.At(time.Now())}
		for _, e := range b.Items {
			c.rows[e.Seq]++
			if why, ok := c.reject[e.Seq]; ok {
				a.Rejected = append(a.Rejected, edgev1.Rejection{Seq: e.Seq, Field: "event.kind", Message: why})
				continue
			}
			a.Accepted = append(a.Accepted, edgev1.SeqRange{From: e.Seq, To: e.Seq})
		}
		if !c.silent {
			out, _ := json.Marshal(a)
			go func() { _ = srv.Publish(edgev1.Topic(edge, edgev1.DownAck), out, false, 1) }()
		}
	}
}

// noEvidence is a store without files.
type noEvidence struct{}

func (noEvidence) NextUpload(map[string]bool) (link.Upload, bool, error) {
	return link.Upload{}, false, nil
}
func (noEvidence) Open(string) (io.ReadSeekCloser, error) { return nil, io.EOF }
func (noEvidence) Uploaded(string) error                  { return nil }
func (noEvidence) Want([]string) error                    { return nil }

func startLink(t *testing.T, o link.Options) *link.Link {
	t.Helper()
	if o.Evidence == nil {
		o.Evidence = noEvidence{}
	}
	if o.OnConfig == nil {
		o.OnConfig = func(edgev1.Config) {}
	}
	if o.OnCommand == nil {
		o.OnCommand = func(context.Context, edgev1.Command) edgev1.Result { return edgev1.Result{OK: true} }
	}
	o.Status = func() edgev1.Status { return edgev1.Status{At: edgev1.At(time.Now())} }
	o.AckTimeout, o.StatusEvery, o.Log = 400*time.Millisecond, 200*time.Millisecond, slog.New(slog.DiscardHandler)
	l := link.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { l.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return l
}

func openOutbox(t *testing.T) *outbox.Box {
	t.Helper()
	b, err := outbox.Open(context.Background(), outbox.Options{Path: filepath.Join(t.TempDir(), "o.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func makeEvents(t *testing.T, b *outbox.Box, from, to int) {
	t.Helper()
	for i := from; i <= to; i++ {
		if _, err := b.Commit(context.Background(), outbox.Change{Events: []edgev1.Event{{ID: fmt.Sprint("E", i), Kind: edgev1.Stacking, Phase: edgev1.Opened}}}); err != nil {
			t.Fatal(err)
		}
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never happened: %s", what)
}

func TestRowsSurviveASilentAndALostCenter(t *testing.T) {
	b := openOutbox(t)
	c := startCenter(t, "127.0.0.1:0")
	c.mu.Lock()
	c.silent = true
	c.reject[7] = "unknown kind"
	c.mu.Unlock()
	makeEvents(t, b, 1, 150)
	l := startLink(t, link.Options{Identity: &identity.Identity{Edge: edge, Instance: "i", MQTT: "tcp://" + c.addr, TLS: &tls.Config{MinVersion: tls.VersionTLS12}}, Outbox: b})
	eventually(t, "rows are sent again without an answer", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.rows[150] >= 2
	})
	if s, _ := b.Stats(context.Background()); s.Depth != 150 {
		t.Fatalf("depth %d: rows left without an acknowledgement", s.Depth)
	}
	c.down() // the network or the center goes
	eventually(t, "the link notices", func() bool { return !l.Connected() })
	makeEvents(t, b, 151, 200)
	c.mu.Lock()
	c.silent = false
	c.mu.Unlock()
	c.up()
	eventually(t, "the outbox drains", func() bool {
		s, err := b.Stats(context.Background())
		return err == nil && s.Depth == 0 && s.Rejected == 1
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := int64(1); i <= 200; i++ {
		if c.rows[i] == 0 {
			t.Errorf("row %d never arrived", i)
		}
	}
	if off := l.ClockOffset(); off > time.Second || off < -time.Second {
		t.Errorf("clock offset %v on one machine", off)
	}
	if c.status == 0 || l.Counters().Resends.Load() == 0 {
		t.Errorf("status %d, resends %d", c.status, l.Counters().Resends.Load())
	}
}

func TestACommandRunsOnceAndBadInputIsCounted(t *testing.T) {
	b := openOutbox(t)
	c := startCenter(t, "127.0.0.1:0")
	var mu sync.Mutex
	var ran []string
	configs := make(chan edgev1.Config, 4)
	l := startLink(t, link.Options{
		Identity: &identity.Identity{Edge: edge, Instance: "i", MQTT: "tcp://" + c.addr, TLS: &tls.Config{MinVersion: tls.VersionTLS12}}, Outbox: b,
		OnConfig: func(c edgev1.Config) { configs <- c },
		OnCommand: func(_ context.Context, c edgev1.Command) edgev1.Result {
			mu.Lock()
			defer mu.Unlock()
			ran = append(ran, c.ID)
			return edgev1.Result{OK: true, Message: "done"}
		},
	})
	eventually(t, "connection", l.Connected)
	publish := func(suffix string, v any) {
		t.Helper()
		p, ok := v.([]byte)
		if !ok {
			p, _ = json.Marshal(v)
		}
		c.mu.Lock()
		srv := c.srv
		c.mu.Unlock()
		if err := srv.Publish(edgev1.Topic(edge, suffix), p, false, 1); err != nil {
			t.Fatal(err)
		}
	}
	cmd := edgev1.Command{V: 1, ID: "01JXCMD00000000000000000AA", Kind: edgev1.CmdSnapshot, TTLS: 5, Camera: "01JXCAM00000000000000000AA", SentAt: edgev1.At(time.Now().Add(-72 * time.Hour))}
	publish(edgev1.DownCommand, cmd) // three days old by the wall clock, and still run
	publish(edgev1.DownCommand, cmd)
	publish(edgev1.DownConfig, []byte(`{"v":1,"edge":`))
	publish(edgev1.DownConfig, edgev1.Config{V: 1, Edge: edge, Version: 3, MadeAt: edgev1.At(time.Now()), Cameras: []edgev1.Camera{}})
	select {
	case got := <-configs:
		if got.Version != 3 {
			t.Errorf("config version %d", got.Version)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the configuration did not arrive")
	}
	eventually(t, "the result", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return len(c.results) >= 1 })
	eventually(t, "bad message counted", func() bool { return l.Counters().BadMessages.Load() == 1 })
	mu.Lock()
	defer mu.Unlock()
	if len(ran) != 1 {
		t.Errorf("command ran %d times", len(ran))
	}
}

// files is an evidence store in memory.
type files struct {
	mu   sync.Mutex
	data map[string][]byte
	wait map[string]bool
}

type nopSeekCloser struct{ *bytes.Reader }

func (nopSeekCloser) Close() error { return nil }

func (f *files) NextUpload(skip map[string]bool) (link.Upload, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for d := range f.wait {
		if !skip[d] {
			return link.Upload{SM3: d, Size: int64(len(f.data[d])), MediaType: "image/jpeg"}, true, nil
		}
	}
	return link.Upload{}, false, nil
}

func (f *files) Open(d string) (io.ReadSeekCloser, error) {
	return nopSeekCloser{bytes.NewReader(f.data[d])}, nil
}
func (f *files) Uploaded(d string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.wait, d)
	return nil
}
func (f *files) Want([]string) error { return nil }

func TestAnUploadGoesOnWhereItStopped(t *testing.T) {
	data := bytes.Repeat([]byte("evidence "), 400_000) // 3.6 MB: four pieces
	sum := sm3.Sum(data)
	digest := hex.EncodeToString(sum[:])
	var mu sync.Mutex
	var got []byte
	fail := 2
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch r.Method {
		case http.MethodHead:
			switch len(got) {
			case 0:
				w.WriteHeader(http.StatusNotFound)
			case len(data):
				w.WriteHeader(http.StatusOK)
			default:
				w.Header().Set("Upload-Offset", strconv.Itoa(len(got)))
				w.WriteHeader(http.StatusNoContent)
			}
		case http.MethodPatch:
			if r.Header.Get("Upload-Offset") != strconv.Itoa(len(got)) {
				w.WriteHeader(http.StatusConflict)
				return
			}
			b, _ := io.ReadAll(r.Body)
			got = append(got, b...)
			if fail > 0 { // stored, but the answer is lost
				fail--
				panic(http.ErrAbortHandler)
			}
			w.Header().Set("Upload-Offset", strconv.Itoa(len(got)))
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	srv.Config.ErrorLog = nil
	defer srv.Close()
	store := &files{data: map[string][]byte{digest: data}, wait: map[string]bool{digest: true}}
	tc := srv.Client().Transport.(*http.Transport).TLSClientConfig
	startLink(t, link.Options{
		Identity: &identity.Identity{Edge: edge, Instance: "i", MQTT: "tcp://127.0.0.1:1", HTTPS: srv.URL, TLS: tc},
		Outbox:   openOutbox(t), Evidence: store,
	})
	eventually(t, "the file arrives whole", func() bool {
		store.mu.Lock()
		defer store.mu.Unlock()
		return len(store.wait) == 0
	})
	mu.Lock()
	defer mu.Unlock()
	if !bytes.Equal(got, data) {
		t.Fatalf("%d bytes arrived of %d", len(got), len(data))
	}
}
