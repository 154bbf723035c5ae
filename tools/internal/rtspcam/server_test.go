package rtspcam_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/pion/rtp"

	"jiexun/tools/internal/clip"
	"jiexun/tools/internal/rtspcam"
)

// startServer serves a 2 s clip of 10 pictures a second with a sub-stream.
func startServer(t *testing.T, change func(*rtspcam.CameraConfig)) *rtspcam.Server {
	t.Helper()
	dir := t.TempDir()
	src := filepath.Join(dir, "a.mp4")
	cmd := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x192:rate=10:duration=2",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "5", "-bf", "0", "-pix_fmt", "yuv420p", src)
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make test video: %v: %s", err, msg)
	}
	conf := rtspcam.CameraConfig{Name: "cam1", Main: src}
	if change != nil {
		change(&conf)
	}
	cache := &clip.Cache{Dir: filepath.Join(dir, "cache")}
	cam, err := conf.Open(t.Context(), cache, dir)
	if err != nil {
		t.Fatal(err)
	}
	srv, err := rtspcam.Start(rtspcam.Options{Listen: "127.0.0.1:0", UDP: true, Cameras: []rtspcam.Camera{cam}, Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	return srv
}

// reading is what a client saw of a stream.
type reading struct {
	mu      sync.Mutex
	packets []rtp.Header
	units   []unit
	lost    int
	ended   chan struct{}
	sdp     *description.Session
}

type unit struct {
	pts   time.Duration
	nalus [][]byte
}

func (r *reading) snapshot() ([]rtp.Header, []unit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]rtp.Header(nil), r.packets...), append([]unit(nil), r.units...)
}

// read plays a path with an ordinary RTSP client.
func read(t *testing.T, url string, transport gortsplib.Transport) (*reading, error) {
	t.Helper()
	u, err := base.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	r := &reading{ended: make(chan struct{})}
	c := &gortsplib.Client{Scheme: u.Scheme, Host: u.Host, Transport: &transport, OnPacketsLost: func(n uint64) {
		r.mu.Lock()
		r.lost += int(n)
		r.mu.Unlock()
	}}
	if err := c.Start2(); err != nil {
		return nil, err
	}
	desc, _, err := c.Describe(u)
	if err != nil {
		c.Close()
		return nil, err
	}
	r.sdp = desc
	var f *format.H264
	m := desc.FindFormat(&f)
	if m == nil {
		c.Close()
		return r, nil
	}
	dec, err := f.CreateDecoder()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Setup(desc.BaseURL, m, 0, 0); err != nil {
		c.Close()
		return nil, err
	}
	c.OnPacketRTP(m, f, func(k *rtp.Packet) {
		pts, ok := c.PacketPTS2(m, k)
		au, err := dec.Decode(k)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.packets = append(r.packets, k.Header)
		if err == nil && ok {
			r.units = append(r.units, unit{time.Duration(pts) * time.Second / 90000, au})
		}
	})
	if _, err := c.Play(nil); err != nil {
		c.Close()
		return nil, err
	}
	go func() {
		_ = c.Wait()
		close(r.ended)
	}()
	t.Cleanup(c.Close)
	return r, nil
}

// wait polls until the condition holds.
func wait(t *testing.T, what string, limit time.Duration, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if cond() {
			return
		}
	}
	t.Fatalf("gave up waiting: %s", what)
}

func TestRoundTripAcrossTheLoopSeam(t *testing.T) {
	t.Parallel()
	srv := startServer(t, nil)
	for _, tc := range []struct {
		name, path string
		transport  gortsplib.Transport
		width      int
	}{
		{"main over tcp", "cam1/main", gortsplib.TransportTCP, 320},
		{"sub over udp", "cam1/sub", gortsplib.TransportUDP, 640},
		{"short name", "cam1", gortsplib.TransportTCP, 320},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r, err := read(t, srv.URL(tc.path), tc.transport)
			if err != nil {
				t.Fatal(err)
			}
			wait(t, "30 pictures, more than one loop", 10*time.Second, func() bool {
				_, u := r.snapshot()
				return len(u) >= 30
			})
			heads, units := r.snapshot()
			for i := 1; i < len(heads); i++ {
				if d := heads[i].SequenceNumber - heads[i-1].SequenceNumber; d != 1 {
					t.Fatalf("sequence number jumps by %d at packet %d", d, i)
				}
				if d := int32(heads[i].Timestamp - heads[i-1].Timestamp); d != 0 && d != 9000 {
					t.Fatalf("timestamp jumps by %d at packet %d, want 0 or 9000", d, i)
				}
			}
			for i := 1; i < len(units); i++ {
				if d := units[i].pts - units[i-1].pts; d != 100*time.Millisecond {
					t.Fatalf("picture %d comes %v after the one before", i, d)
				}
			}
			if w := findWidth(units); w != tc.width {
				t.Fatalf("picture width %d, want %d", w, tc.width)
			}
		})
	}
}

func findWidth(units []unit) int {
	w := 0
	for _, u := range units {
		for _, n := range u.nalus {
			var sps h264.SPS
			if n[0]&0x1F == 7 && sps.Unmarshal(n) == nil {
				w = sps.Width()
			}
		}
	}
	return w
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	srv := startServer(t, func(c *rtspcam.CameraConfig) { c.User, c.Password = "viewer", "s3cret"; c.Sub = "none" })
	if _, err := read(t, "rtsp://"+srv.Addr()+"/cam1/main", gortsplib.TransportTCP); err == nil {
		t.Fatal("read without a password")
	}
	if _, err := read(t, "rtsp://viewer:wrong@"+srv.Addr()+"/cam1/main", gortsplib.TransportTCP); err == nil {
		t.Fatal("read with a wrong password")
	}
	r, err := read(t, srv.URL("cam1/main"), gortsplib.TransportTCP)
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "a picture", 5*time.Second, func() bool { _, u := r.snapshot(); return len(u) > 0 })
	if _, err := read(t, "rtsp://viewer:s3cret@"+srv.Addr()+"/cam2/main", gortsplib.TransportTCP); err == nil {
		t.Fatal("read a camera that does not exist")
	}
}

func raise(t *testing.T, srv *rtspcam.Server, path string, spec rtspcam.FaultSpec) {
	t.Helper()
	if err := srv.Raise(context.Background(), path, spec); err != nil {
		t.Fatalf("raise %s: %v", spec.Kind, err)
	}
}

func TestPictureFaults(t *testing.T) {
	t.Parallel()
	srv := startServer(t, func(c *rtspcam.CameraConfig) { c.Sub = "none" })
	r, err := read(t, srv.URL("cam1/main"), gortsplib.TransportTCP)
	if err != nil {
		t.Fatal(err)
	}
	widthNow := func(from int) int { _, u := r.snapshot(); return findWidth(u[min(from, len(u)):]) }
	for _, tc := range []struct {
		kind  rtspcam.Fault
		width int
	}{
		{rtspcam.FaultBlack, 320}, {rtspcam.FaultFreeze, 320}, {rtspcam.FaultShift, 320},
		{rtspcam.FaultTiny, 64}, {rtspcam.FaultResolution, 240},
	} {
		_, u := r.snapshot()
		raise(t, srv, "cam1/main", rtspcam.FaultSpec{Kind: tc.kind})
		from := len(u) + 1
		wait(t, string(tc.kind)+" picture", 5*time.Second, func() bool { return widthNow(from) == tc.width })
	}
	raise(t, srv, "cam1/main", rtspcam.FaultSpec{Kind: rtspcam.FaultNone})
	_, u := r.snapshot()
	wait(t, "own picture again", 5*time.Second, func() bool { return widthNow(len(u)+1) == 320 })
	_, u = r.snapshot()
	for i := 1; i < len(u); i++ {
		if d := u[i].pts - u[i-1].pts; d != 100*time.Millisecond {
			t.Fatalf("a fault broke the timestamps: picture %d comes %v after the one before", i, d)
		}
	}
}

func TestPacketFaults(t *testing.T) {
	t.Parallel()
	srv := startServer(t, func(c *rtspcam.CameraConfig) { c.Sub = "none" })
	r, err := read(t, srv.URL("cam1/main"), gortsplib.TransportTCP)
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "a picture", 5*time.Second, func() bool { _, u := r.snapshot(); return len(u) > 0 })
	raise(t, srv, "cam1/main", rtspcam.FaultSpec{Kind: rtspcam.FaultDrop, Rate: 0.5})
	wait(t, "lost packets", 10*time.Second, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.lost > 0
	})
	raise(t, srv, "cam1/main", rtspcam.FaultSpec{Kind: rtspcam.FaultCorrupt, Rate: 1})
	wait(t, "corrupted packets", 5*time.Second, func() bool { return srv.Info()[0].Corrupted > 0 })
}

func TestConnectionFaults(t *testing.T) {
	t.Parallel()
	srv := startServer(t, func(c *rtspcam.CameraConfig) { c.Sub = "none" })
	url := srv.URL("cam1/main")
	for _, tc := range []struct {
		kind rtspcam.Fault
		want string
	}{{rtspcam.FaultStop, "404"}, {rtspcam.FaultAuth, "401"}} {
		r, err := read(t, url, gortsplib.TransportTCP)
		if err != nil {
			t.Fatal(err)
		}
		wait(t, "a picture", 5*time.Second, func() bool { _, u := r.snapshot(); return len(u) > 0 })
		raise(t, srv, "cam1/main", rtspcam.FaultSpec{Kind: tc.kind, Seconds: 0.5})
		select {
		case <-r.ended:
		case <-time.After(5 * time.Second):
			t.Fatalf("%s left the reader connected", tc.kind)
		}
		if _, err := read(t, url, gortsplib.TransportTCP); err == nil || !strings.Contains(err.Error(), tc.want) && !strings.Contains(err.Error(), "auth") {
			t.Fatalf("%s answered %v, want %s", tc.kind, err, tc.want)
		}
		wait(t, "the fault to end", 5*time.Second, func() bool {
			_, err := read(t, url, gortsplib.TransportTCP)
			return err == nil
		})
	}
	raise(t, srv, "cam1/main", rtspcam.FaultSpec{Kind: rtspcam.FaultAudioOnly})
	r, err := read(t, url, gortsplib.TransportTCP)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.sdp.Medias) != 1 || r.sdp.Medias[0].Type != description.MediaTypeAudio {
		t.Fatalf("description still holds video: %v", r.sdp.Medias)
	}
}

func TestScriptRaisesFaults(t *testing.T) {
	t.Parallel()
	srv := startServer(t, func(c *rtspcam.CameraConfig) {
		c.Sub = "none"
		c.Script = []rtspcam.ScriptStep{{At: 0.2, FaultSpec: rtspcam.FaultSpec{Kind: rtspcam.FaultStop, Seconds: 0.3}}}
	})
	wait(t, "the scripted fault", 3*time.Second, func() bool { return srv.Info()[0].Fault == rtspcam.FaultStop })
	wait(t, "its end", 3*time.Second, func() bool { return srv.Info()[0].Fault == "" })
	wait(t, "the fault in the next loop", 5*time.Second, func() bool { return srv.Info()[0].Fault == rtspcam.FaultStop })
}

func TestMainAndSubShowTheSameMoment(t *testing.T) {
	t.Parallel()
	srv := startServer(t, nil)
	time.Sleep(300 * time.Millisecond)
	i := srv.Info()
	if d := i[0].Position - i[1].Position; d > 0.11 && d < 1.89 || d < -0.11 && d > -1.89 {
		t.Fatalf("main is at %.2f s, sub at %.2f s", i[0].Position, i[1].Position)
	}
	if i[0].Epoch == "" || i[0].Epoch != i[1].Epoch {
		t.Fatalf("epochs differ: %q, %q", i[0].Epoch, i[1].Epoch)
	}
}

func TestControl(t *testing.T) {
	t.Parallel()
	srv := startServer(t, func(c *rtspcam.CameraConfig) { c.Sub = "none" })
	web := httptest.NewServer(srv.Control())
	defer web.Close()
	post := func(path, body string) (int, string) {
		res, err := http.Post(web.URL+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var v map[string]any
		_ = json.NewDecoder(res.Body).Decode(&v)
		return res.StatusCode, fmt.Sprint(v["error"])
	}
	for _, tc := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"/paths/cam1/main/fault", `{"kind":"drop","seconds":5,"rate":0.2}`, 200, ""},
		{"/paths/cam1/main/fault", `{"kind":"none"}`, 200, ""},
		{"/paths/cam1/main/fault", `{"kind":"melt"}`, 400, "kind"},
		{"/paths/cam1/main/fault", `{"kind":"drop","seconds":-1}`, 400, "seconds"},
		{"/paths/cam1/main/fault", `{"kind":"drop","rate":7}`, 400, "rate"},
		{"/paths/cam1/main/fault", `{"kind":"drop","color":1}`, 400, "color"},
		{"/paths/cam1/main/fault", `]`, 400, "parse"},
		{"/paths/cam9/main/fault", `{"kind":"drop"}`, 404, "cam9"},
		{"/paths/cam1/main", `{"kind":"drop"}`, 404, "/fault"},
		{"/paths/cam1/main/fault", `{"kind":"` + strings.Repeat("x", 5000) + `"}`, 413, "4096"},
	} {
		status, msg := post(tc.path, tc.body)
		if status != tc.status || !strings.Contains(msg, tc.says) {
			t.Errorf("POST %s %.60s: %d %q, want %d naming %q", tc.path, tc.body, status, msg, tc.status, tc.says)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(`{"cameras":[{"name":"cam1","main":"a.mp4","script":[{"at":3,"kind":"black","seconds":2}]}]}`))
	f.Add([]byte(`{"cameras":[{"name":"../x","main":"a.mp4"}]}`))
	f.Add([]byte(`{"cameras":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := rtspcam.ParseConfig(data)
		if err != nil {
			return
		}
		for _, k := range c.Cameras {
			if k.Name == "" || k.Main == "" || strings.ContainsAny(k.Name, "/ ?#") {
				t.Fatalf("accepted camera %+v", k)
			}
		}
	})
}

func FuzzParseFault(f *testing.F) {
	f.Add([]byte(`{"kind":"drop","seconds":1e9,"rate":0.5}`))
	f.Add([]byte(`{"kind":"slow","rate":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := rtspcam.ParseFault(data); err == nil && (s.Rate < 0 || s.Rate > 1 || s.Seconds < 0) {
			t.Fatalf("accepted %+v", s)
		}
	})
}
