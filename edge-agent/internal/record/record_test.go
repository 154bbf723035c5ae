package record

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jiexun/edge-agent/internal/media"
	"jiexun/edge-agent/internal/source"
)

// film gives the pictures of a generated film as a camera would send them.
func film(t testing.TB, start time.Time, args ...string) []*source.AccessUnit {
	t.Helper()
	path := filepath.Join(t.TempDir(), "film.mp4")
	all := append([]string{"-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x96:rate=10:duration=100", "-pix_fmt", "yuv420p"}, args...)
	if msg, err := exec.Command("ffmpeg", append(all, path)...).CombinedOutput(); err != nil {
		t.Fatalf("make film: %v: %s", err, msg)
	}
	return read(t, path, start)
}

func read(t testing.TB, path string, start time.Time) []*source.AccessUnit {
	t.Helper()
	d, err := media.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var out []*source.AccessUnit
	for {
		u, err := d.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		u.Received, u.Session = start.Add(u.PTS), 1
		out = append(out, u)
	}
}

var x264 = []string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-bf", "0"}

func begin() time.Time { return time.Date(2026, 11, 24, 15, 59, 50, 0, time.UTC) } // past midnight in UTC after ten seconds

func store(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Now == nil {
		o.Now = func() time.Time { return begin().Add(2 * time.Minute) }
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// put records units and waits until they are on the disk.
func put(t testing.TB, s *Store, camera string, keep time.Duration, quota int64, units []*source.AccessUnit) {
	t.Helper()
	w, err := s.Record(camera, keep, quota)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range units {
		w.Add(u)
		if u.Key { // the disk of a test need not keep up with a film in no time
			for len(w.queue) > queueLen/2 {
				time.Sleep(time.Millisecond)
			}
		}
	}
	w.Close()
	if st := s.Status(camera); st.Fault != "" || st.Lost != 0 {
		t.Fatalf("%+v", st)
	}
}

func pictures(t testing.TB, p Piece) []*source.AccessUnit {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cut.mp4")
	if err := os.WriteFile(path, p.Data, 0o600); err != nil {
		t.Fatal(err)
	}
	return read(t, path, p.From)
}

// Cuts of neighbouring spans give every picture once, whatever the coding and
// wherever they lie: over files, midnight, and reordered pictures.
func TestCutsTile(t *testing.T) {
	for name, args := range map[string][]string{
		"h264": x264, "h264 with B pictures": {"-c:v", "libx264", "-preset", "veryfast", "-g", "12", "-bf", "3"},
		"h265": {"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-g", "10"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := film(t, begin(), args...)
			s := store(t, Options{})
			put(t, s, "cam1", time.Hour, 0, all)
			files, err := filepath.Glob(filepath.Join(s.o.Dir, "cam1", "*", "*.mp4"))
			if err != nil || len(files) != 2 {
				t.Fatalf("%d files of 100 seconds: %v", len(files), err)
			}
			spans := s.Spans("cam1", begin().Add(-time.Hour), begin().Add(time.Hour))
			if len(spans) != 1 || spans[0].From.Sub(begin()).Abs() > 200*time.Millisecond || spans[0].To.Sub(begin().Add(100*time.Second)).Abs() > 300*time.Millisecond {
				t.Fatalf("spans %+v", spans)
			}
			r := rand.New(rand.NewPCG(7, 9))
			for range 5 {
				var got []*source.AccessUnit
				at := begin().Add(-time.Second)
				for at.Before(begin().Add(102 * time.Second)) {
					next := at.Add(time.Duration(1+r.IntN(40_000)) * time.Millisecond)
					p, err := s.Cut("cam1", at, next, false)
					if err == nil {
						us := pictures(t, p)
						if !us[0].Key || us[0].Codec != p.Codec || p.W != 160 || p.FPS < 8 || p.FPS > 12 {
							t.Fatalf("cut of %v: %+v", at, p.Codec)
						}
						got = append(got, us...)
					} else if !errors.Is(err, ErrNothing) {
						t.Fatal(err)
					}
					at = next
				}
				if len(got) != len(all) {
					t.Fatalf("%d pictures in the cuts, %d recorded", len(got), len(all))
				}
				for i := range got {
					if !bytes.Equal(got[i].NALUs[len(got[i].NALUs)-1], all[i].NALUs[len(all[i].NALUs)-1]) {
						t.Fatalf("picture %d differs", i)
					}
					if d := got[i].Received.Sub(all[i].Received).Abs(); d > 450*time.Millisecond {
						t.Fatalf("picture %d is shown %v off", i, d)
					}
				}
			}
		})
	}
}

func TestCutWithLead(t *testing.T) {
	all := film(t, begin(), x264...)
	s := store(t, Options{})
	put(t, s, "cam1", time.Hour, 0, all)
	for _, from := range []time.Duration{3500 * time.Millisecond, 59900 * time.Millisecond, 60050 * time.Millisecond} {
		p, err := s.Cut("cam1", begin().Add(from), begin().Add(from+200*time.Millisecond), true)
		if err != nil || p.From.After(begin().Add(from)) || begin().Add(from).Sub(p.From) > time.Second {
			t.Errorf("from %v: begins at %v, %v", from, p.From.Sub(begin()), err)
		}
	}
	if _, err := s.Cut("cam1", begin().Add(time.Hour), begin().Add(2*time.Hour), true); !errors.Is(err, ErrNothing) {
		t.Errorf("a time without a recording: %v", err)
	}
	if _, err := s.Cut("other", begin(), begin().Add(time.Hour), true); !errors.Is(err, ErrNothing) {
		t.Errorf("a camera without a recording: %v", err)
	}
}

// After a power cut what was written is found again, also from a file that
// breaks off in the middle.
func TestPowerCut(t *testing.T) {
	all := film(t, begin(), x264...)
	dir := t.TempDir()
	s := store(t, Options{Dir: dir})
	put(t, s, "cam1", time.Hour, 0, all[:800])
	files, err := filepath.Glob(filepath.Join(dir, "cam1", "*", "*.mp4"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%v %v", files, err)
	}
	slices.Sort(files)
	b, err := os.ReadFile(files[1])
	if err != nil {
		t.Fatal(err)
	}
	start, _, _ := strings.Cut(filepath.Base(files[1]), "-")
	part := filepath.Join(filepath.Dir(files[1]), start+openEnd)
	if err := errors.Join(os.Remove(files[1]), os.WriteFile(part, b[:len(b)*3/4], 0o600),
		os.WriteFile(filepath.Join(filepath.Dir(part), "1"+openEnd), []byte("nothing"), 0o600)); err != nil {
		t.Fatal(err)
	}
	s = store(t, Options{Dir: dir})
	spans := s.Spans("cam1", begin(), begin().Add(time.Hour))
	if n := len(spans); n != 1 || spans[0].To.Sub(begin()) < 70*time.Second || spans[0].To.Sub(begin()) > 78*time.Second {
		t.Fatalf("spans after the cut: %+v", spans)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "cam1", "*", "*"+openEnd)); err != nil || len(left) != 0 {
		t.Errorf("left open: %v %v", left, err)
	}
	p, err := s.Cut("cam1", begin().Add(65*time.Second), begin().Add(90*time.Second), false)
	if err != nil || len(pictures(t, p)) < 40 {
		t.Fatalf("%d pictures: %v", len(pictures(t, p)), err)
	}
	put(t, s, "cam1", time.Hour, 0, all[900:]) // and the recording goes on
	if spans = s.Spans("cam1", begin(), begin().Add(time.Hour)); len(spans) != 2 {
		t.Errorf("spans: %+v", spans)
	}
}

func TestRetentionAndQuota(t *testing.T) {
	all := film(t, begin(), x264...)
	now := begin().Add(100 * time.Second)
	s := store(t, Options{Now: func() time.Time { return now }})
	put(t, s, "cam1", time.Hour, 0, all)
	whole := s.Status("cam1")
	now = begin().Add(80*time.Second + time.Hour)
	w, err := s.Record("cam1", time.Hour, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	if st := s.Status("cam1"); st.Bytes >= whole.Bytes || !st.Oldest.After(begin().Add(50*time.Second)) {
		t.Errorf("after an hour and a little: %+v of %+v", st, whole)
	}
	now = begin().Add(100 * time.Second)
	put(t, s, "cam2", time.Hour, whole.Bytes/2, all)
	if st := s.Status("cam2"); st.Bytes > whole.Bytes/2 || st.Bytes == 0 {
		t.Errorf("%d bytes kept of a quota of %d", st.Bytes, whole.Bytes/2)
	}
	small := store(t, Options{Dir: s.o.Dir, MaxBytes: whole.Bytes / 2, Now: func() time.Time { return now }})
	if small.bytes > whole.Bytes/2 {
		t.Errorf("%d bytes in a folder for %d", small.bytes, whole.Bytes/2)
	}
	full := store(t, Options{MinFree: 1 << 60, Now: func() time.Time { return now }})
	w, err = full.Record("cam3", time.Hour, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range all[:25] {
		w.Add(u)
	}
	w.Close()
	if st := full.Status("cam3"); !strings.Contains(st.Fault, "磁盘剩余空间不足") || st.Bytes != 0 || st.Lost == 0 {
		t.Errorf("a full disk: %+v", st)
	}
	for _, bad := range []string{"", "..", ".x", "a/b", `a\b`} {
		if _, err := s.Record(bad, time.Hour, 0); err == nil {
			t.Errorf("camera %q is recorded", bad)
		}
	}
}

// A stream that is interrupted, begins in the middle, loses packets or sets
// its clock back gives no file that cannot be played.
func TestBrokenStreams(t *testing.T) {
	all := film(t, begin(), x264...)
	s := store(t, Options{})
	var sent []*source.AccessUnit
	for i, u := range all[5:300] {
		v := *u
		switch {
		case i > 200: // the box's clock is set back
			v.Received = v.Received.Add(-5 * time.Minute)
		case i > 100: // connected anew after ten seconds
			v.Session, v.Received = 2, v.Received.Add(10*time.Second)
		}
		v.Damaged = v.Key && i > 40 && i < 60
		sent = append(sent, &v)
	}
	put(t, s, "cam1", time.Hour, 0, sent)
	spans := s.Spans("cam1", begin().Add(-time.Hour), begin().Add(time.Hour))
	if len(spans) < 3 {
		t.Fatalf("spans %+v", spans)
	}
	n := 0
	for _, x := range spans {
		p, err := s.Cut("cam1", x.From.Time, x.To.Time, false)
		if err != nil {
			t.Fatal(err)
		}
		n += len(pictures(t, p))
	}
	if want := 295 - 5 - 20; n < want-20 || n > want {
		t.Errorf("%d pictures kept of about %d whole ones", n, want)
	}
}

func BenchmarkRecord(b *testing.B) {
	all := film(b, begin(), x264...)
	s := store(b, Options{})
	w, err := s.Record("cam1", time.Hour, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		w.Add(all[i%len(all)])
		i++
	}
	b.StopTimer()
	w.Close()
}
