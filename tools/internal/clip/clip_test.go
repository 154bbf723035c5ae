package clip

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func makeVideo(t *testing.T, name string, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	all := append([]string{"-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i",
		"testsrc2=size=160x96:rate=10:duration=3", "-pix_fmt", "yuv420p"}, args...)
	if msg, err := exec.Command("ffmpeg", append(all, out)...).CombinedOutput(); err != nil {
		t.Fatalf("make test video: %v: %s", err, msg)
	}
	return out
}

func TestPrepareKeepsOrTranscodes(t *testing.T) {
	cases := []struct {
		name, file string
		args       []string
		recipe     Recipe
		codec      Codec
		width      int
	}{
		{"h264 copied", "a.mp4", []string{"-c:v", "libx264", "-g", "10", "-preset", "ultrafast"}, Recipe{}, H264, 160},
		{"h264 with reordered pictures", "b.mp4", []string{"-c:v", "libx264", "-g", "10", "-bf", "2"}, Recipe{}, H264, 160},
		{"h265 copied", "c.mkv", []string{"-c:v", "libx265", "-x265-params", "keyint=10:log-level=none"}, Recipe{}, H265, 160},
		{"mpeg4 transcoded", "d.avi", []string{"-c:v", "mpeg4"}, Recipe{}, H264, 160},
		{"scaled", "e.mp4", []string{"-c:v", "libx264"}, Recipe{Filter: "scale=80:48"}, H264, 80},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			cache := &Cache{Dir: t.TempDir()}
			src := makeVideo(t, tc.file, tc.args...)
			c, err := cache.Open(t.Context(), src, tc.recipe)
			if err != nil {
				t.Fatal(err)
			}
			if c.Codec != tc.codec || c.Width != tc.width {
				t.Fatalf("got %s %dx%d", c.Codec, c.Width, c.Height)
			}
			if len(c.Units) != 30 {
				t.Fatalf("30 pictures went in, %d access units came out", len(c.Units))
			}
			if d := c.Duration; d < 2900*time.Millisecond || d > 3100*time.Millisecond {
				t.Fatalf("duration %v, want 3 s", d)
			}
			for i := 1; i < len(c.Units); i++ {
				if c.Units[i].DTS <= c.Units[i-1].DTS {
					t.Fatalf("decoding times do not grow at unit %d", i)
				}
			}
			if !c.Units[0].Key {
				t.Fatal("first unit is not a key unit")
			}
		})
	}
}

func TestSecondPrepareNeedsNoFFmpeg(t *testing.T) {
	dir := t.TempDir()
	src := makeVideo(t, "a.avi", "-c:v", "mpeg4")
	first, err := (&Cache{Dir: dir}).Prepare(t.Context(), src, Recipe{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := (&Cache{Dir: dir, FFmpeg: "/nonexistent", FFprobe: "/nonexistent"}).Prepare(t.Context(), src, Recipe{})
	if err != nil {
		t.Fatal(err)
	}
	if first != second {
		t.Fatalf("prepared again: %s, %s", first, second)
	}
}

func TestPrepareRefusesWhatIsNotVideo(t *testing.T) {
	if _, err := (&Cache{Dir: t.TempDir()}).Prepare(t.Context(), "clip.go", Recipe{}); err == nil {
		t.Fatal("a source file was taken for a video")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0x67, 0x42, 0, 0, 1, 0x68, 1, 0, 0, 1, 0x65, 0x88, 1}, false)
	f.Add([]byte{0, 0, 1, 0x40, 1, 0, 0, 1, 0x42, 1, 2, 0, 0, 1, 0x44, 1, 0, 0, 1, 0x26, 1, 0x80}, true)
	f.Add([]byte{0, 0, 1}, true)
	f.Fuzz(func(t *testing.T, data []byte, hevc bool) {
		info := Info{Codec: H264}
		if hevc {
			info.Codec = H265
		}
		c, err := Parse(data, info)
		if err == nil && (len(c.Units) == 0 || !c.Units[0].Key) {
			t.Fatal("accepted a stream without a key unit at its start")
		}
	})
}
