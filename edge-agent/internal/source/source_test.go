package source

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"jiexun/api/edgev1"
)

func TestLadder(t *testing.T) {
	l := DefaultLadder()
	var got []time.Duration
	for range 8 {
		got = append(got, l.Next(0, nil, 1))
	}
	want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60}
	for i := range want {
		if got[i] != want[i]*time.Second {
			t.Errorf("step %d: %v, want %d s", i, got[i], want[i])
		}
	}
	if d := l.Next(0, nil, 0); d != 30*time.Second {
		t.Errorf("least jitter at the top: %v", d)
	}
	if d := l.Next(31*time.Second, nil, 1); d != time.Second {
		t.Errorf("after a long session: %v, want 1 s", d)
	}
	if d := l.Next(0, NewFault(FaultUnsupported, "no video", nil), 1); d != time.Minute {
		t.Errorf("a stream without video is tried again after %v", d)
	}
	if d := l.Next(0, NewFault(FaultPassword, "wrong password", nil), 0.5); d < 3*time.Minute || d > 5*time.Minute {
		t.Errorf("refused: %v", d)
	}
}

func TestJudge(t *testing.T) {
	now := time.Unix(10000, 0)
	ago := func(s float64) time.Time { return now.Add(-time.Duration(s * float64(time.Second))) }
	lost := NewFault(FaultLost, "断开", nil)
	for _, c := range []struct {
		name  string
		f     Facts
		want  edgev1.CameraState
		words string
	}{
		{"fresh start", Facts{Started: ago(1)}, edgev1.Connecting, ""},
		{"first try failed", Facts{Started: ago(1), Attempts: 1, Fault: lost, NextTry: now.Add(2 * time.Second)}, edgev1.Connecting, "2 秒后再试"},
		{"never came", Facts{Started: ago(4), Attempts: 1, Fault: lost}, edgev1.Offline, "断开"},
		{"hangs", Facts{Started: ago(14)}, edgev1.Offline, "没有收到视频数据"},
		{"packets, no picture yet", Facts{Started: ago(3), Connected: true, SessionStart: ago(2), LastPacket: ago(0.1)}, edgev1.Connecting, ""},
		{"online", Facts{Connected: true, SessionStart: ago(9), SessionKey: ago(1), LastKey: ago(1), LastPacket: ago(0.1)}, edgev1.Online, ""},
		{"key pictures stop", Facts{Connected: true, SessionStart: ago(90), SessionKey: ago(4), LastKey: ago(4), LastPacket: ago(0.1)}, edgev1.NoVerdict, "关键帧"},
		{"long GOP is waited for", Facts{Connected: true, GOP: 10 * time.Second, SessionStart: ago(90), SessionKey: ago(25), LastKey: ago(25), LastPacket: ago(0.1)}, edgev1.Online, ""},
		{"silent", Facts{Connected: true, SessionStart: ago(90), SessionKey: ago(3), LastKey: ago(3), LastPacket: ago(2.7)}, edgev1.Reconnecting, "没有收到视频数据"},
		{"lost now", Facts{SessionStart: ago(90), LastKey: ago(1), LastPacket: ago(0.5), Fault: lost}, edgev1.Reconnecting, "断开"},
		{"lost for long", Facts{SessionStart: ago(90), LastKey: ago(4), LastPacket: ago(3.1), Fault: lost, Attempts: 3}, edgev1.Offline, "断开"},
		{"longer interval, longer patience", Facts{Interval: 5 * time.Second, SessionStart: ago(90), LastKey: ago(9), LastPacket: ago(9), Fault: lost}, edgev1.Reconnecting, ""},
		{"old packets of another session", Facts{Connected: true, SessionStart: ago(0.2), LastKey: ago(1), LastPacket: ago(0.9)}, edgev1.Reconnecting, ""},
		{"password", Facts{LastPacket: ago(99), Fault: NewFault(FaultPassword, "密码", nil)}, edgev1.Refused, "密码"},
	} {
		c.f.Now = now
		if c.f.Interval == 0 {
			c.f.Interval = time.Second
		}
		state, detail := c.f.Judge()
		if state != c.want || !strings.Contains(detail, c.words) || c.want == edgev1.Online && detail != "" {
			t.Errorf("%s: %s %q", c.name, state, detail)
		}
	}
}

func TestWarnings(t *testing.T) {
	ok := Stats{GOPSeconds: 1.05, Packets: 1000}
	if w := Warnings(ok, false, time.Second); len(w) != 0 {
		t.Errorf("a good stream warns: %q", w)
	}
	for _, c := range []struct {
		s         Stats
		irregular bool
		words     string
	}{
		{Stats{GOPSeconds: 2}, false, "长于分析间隔 1.0 秒"},
		{Stats{GOPSeconds: 60}, false, "长达 60.0 秒"},
		{Stats{GOPSeconds: 4}, true, "不固定"},
		{Stats{HasClock: true, ClockOffset: -3 * time.Second}, false, "慢 3.0 秒"},
		{Stats{Packets: 900, Lost: 100}, false, "丢包 10.0%"},
	} {
		if w := Warnings(c.s, c.irregular, time.Second); len(w) != 1 || !strings.Contains(w[0], c.words) {
			t.Errorf("%+v: %q, want %q", c.s, w, c.words)
		}
	}
}

func TestMeter(t *testing.T) {
	var m Meter
	start := time.Unix(1000, 0)
	m.Begin(start)
	p := &Params{Codec: H264}
	for i := range 250 { // ten seconds, 25 a second, 12,500 bytes each
		at := start.Add(time.Duration(i) * 40 * time.Millisecond)
		m.Packet(12500, at)
		m.Unit(&AccessUnit{PTS: at.Sub(start), Key: i%50 == 0, Received: at, Params: p})
	}
	end := start.Add(10 * time.Second)
	if f := m.FPS(); f < 24.99 || f > 25.01 {
		t.Errorf("%v pictures a second", f)
	}
	if g := m.GOP(); g != 2*time.Second || m.Irregular() {
		t.Errorf("GOP %v, irregular %v", g, m.Irregular())
	}
	if k := m.KbitS(end); k < 2490 || k > 2510 {
		t.Errorf("%v kbit/s, sent 2500", k)
	}
	if k := m.KbitS(end.Add(time.Minute)); k != 0 {
		t.Errorf("%v kbit/s after a silent minute", k)
	}
	for _, at := range []int{20, 21, 30} {
		m.Unit(&AccessUnit{PTS: time.Duration(at) * time.Second, Key: true, Params: p})
	}
	if !m.Irregular() {
		t.Error("key pictures at changing distances were not noticed")
	}
}

func unit(n int, key bool) *AccessUnit {
	return &AccessUnit{PTS: time.Duration(n), Key: key, Params: &Params{}}
}

// TestRelayNeverBlocks holds both consumers while many units come.
func TestRelayNeverBlocks(t *testing.T) {
	hold := make(chan struct{})
	entered := make(chan struct{}, 2)
	var mu sync.Mutex
	var keys, units []time.Duration
	wait := func() {
		select {
		case entered <- struct{}{}:
		default:
		}
		<-hold
	}
	r := NewRelay(Sink{
		Key:  func(u *AccessUnit) { wait(); mu.Lock(); keys = append(keys, u.PTS); mu.Unlock() },
		Unit: func(u *AccessUnit) { wait(); mu.Lock(); units = append(units, u.PTS); mu.Unlock() },
	})
	r.Offer(unit(0, true))
	<-entered
	<-entered
	for i := 1; i <= 200; i++ {
		r.Offer(unit(i, i%50 == 0))
	}
	bad := unit(250, true)
	bad.Damaged = true
	r.Offer(bad)
	close(hold)
	for {
		mu.Lock()
		done := len(keys) == 2 && len(units) == 1+relayDepth
		mu.Unlock()
		if done {
			break
		}
		time.Sleep(time.Millisecond)
	}
	r.Offer(unit(300, true))
	for {
		mu.Lock()
		done := len(keys) == 3 && units[len(units)-1] == 300
		mu.Unlock()
		if done {
			break
		}
		time.Sleep(time.Millisecond)
	}
	r.Close()
	if keys[1] != 200 {
		t.Errorf("keys %v: the newest must win and a damaged one never count", keys)
	}
	dk, du, _ := r.Dropped()
	if dk != 3 || du != 200+1-relayDepth {
		t.Errorf("dropped %d keys, %d units", dk, du)
	}
	r.Offer(unit(400, true)) // after Close: nothing happens
}

func TestRelayCatchesPanics(t *testing.T) {
	got := make(chan time.Duration, 2)
	r := NewRelay(Sink{Unit: func(u *AccessUnit) {
		if u.PTS == 1 {
			panic("consumer fault")
		}
		got <- u.PTS
	}})
	r.Offer(unit(1, true))
	r.Offer(unit(2, true))
	if v := <-got; v != 2 {
		t.Errorf("got %d", v)
	}
	if _, _, n := r.Dropped(); n != 1 {
		t.Errorf("%d panics counted", n)
	}
	r.Close()
}

func TestSplitAnnexB(t *testing.T) {
	for _, c := range []struct {
		in   []byte
		want [][]byte
	}{
		{nil, nil},
		{[]byte{1, 2, 3}, nil},
		{[]byte{0, 0, 1}, nil},
		{[]byte{0, 0, 1, 9}, [][]byte{{9}}},
		{[]byte{0, 0, 0, 1, 9, 8, 0, 0, 1, 7}, [][]byte{{9, 8}, {7}}},
		{[]byte{0, 0, 0, 1, 9, 0, 0, 0, 1, 7, 0, 0}, [][]byte{{9}, {7}}},
		{[]byte{0, 0, 1, 9, 5, 0, 0, 1}, [][]byte{{9, 5}}},
	} {
		got := SplitAnnexB(c.in)
		if len(got) != len(c.want) {
			t.Errorf("%v: %v", c.in, got)
			continue
		}
		for i := range got {
			if !bytes.Equal(got[i], c.want[i]) {
				t.Errorf("%v: %v", c.in, got)
			}
		}
	}
}

// FuzzStream takes any bytes through cutting, grouping and parameter sets.
func FuzzStream(f *testing.F) {
	sps := []byte{0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x47, 0xfe, 0xc8}
	var seed []byte
	for _, n := range [][]byte{sps, {0x68, 0xce, 0x3c, 0x80}, {0x06, 5, 1, 0x80}, {0x65, 0x88, 0x84}, {0x41, 0x9a, 2}, {0x09, 0xf0}} {
		seed = append(append(seed, 0, 0, 0, 1), n...)
	}
	f.Add(seed, false)
	f.Add([]byte{0, 0, 1, 0x40, 1, 0, 0, 1, 0x42, 1, 0, 0, 1, 0x44, 1, 0, 0, 1, 0x26, 1, 0x80}, true)
	f.Fuzz(func(t *testing.T, b []byte, h265 bool) {
		c := H264
		if h265 {
			c = H265
		}
		total := 0
		nalus := SplitAnnexB(b)
		for _, n := range nalus {
			total += len(n)
		}
		if total > len(b) {
			t.Fatal("cut more bytes than there were")
		}
		asm := NewAssembler(c, nil, nil, nil)
		for _, p := range Pictures(c, nalus) {
			u := asm.Unit(p)
			if u == nil {
				continue
			}
			if u.Params == nil {
				t.Fatal("unit without parameters")
			}
			if u.Params.CheckSize() != nil && u.Params.Width == 0 {
				t.Fatal("an unknown size was refused")
			}
			again := SplitAnnexB(u.AppendAnnexB(nil))
			if len(u.NALUs) > 0 && len(again) == 0 {
				t.Fatal("a unit does not survive the byte stream")
			}
		}
	})
}
