package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"jiexun/tools/internal/rtspcam"
	"jiexun/tools/internal/scene"
)

func testClip(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.mp4")
	cmd := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x96:rate=5:duration=1",
		"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", path)
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make clip: %v: %s", err, msg)
	}
	return path
}

func TestServeFilesAndConfiguration(t *testing.T) {
	clip := testClip(t)
	conf := filepath.Join(filepath.Dir(clip), "scenes.json")
	err := writeConfig(conf, rtspcam.Config{Cameras: []rtspcam.CameraConfig{{Name: "cam1", Main: "a.mp4", Sub: "none"}}})
	if err != nil {
		t.Fatal(err)
	}
	c := &cli{Local: t.TempDir()}
	s := &serveCmd{Config: conf, File: map[string]string{"extra": clip}}
	cams, err := s.cameras(t.Context(), c.cache())
	if err != nil {
		t.Fatal(err)
	}
	if len(cams) != 2 || cams[0].Name != "cam1" || cams[0].Sub != nil || cams[1].Sub == nil || cams[1].Sub.Width != 640 {
		t.Fatalf("cameras %+v", cams)
	}
	for _, bad := range []*serveCmd{{}, {File: map[string]string{"a/b": clip}}, {File: map[string]string{"a": clip + ".gone"}}} {
		if _, err := bad.cameras(t.Context(), c.cache()); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

func TestControlAddressServesAndStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr := make(chan string, 1)
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") })
	done := make(chan error, 1)
	go func() { done <- serveControlOn(ctx, "127.0.0.1:0", h, func(a string) { addr <- a }) }()
	res, err := http.Get("http://" + <-addr)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if string(body) != "here" {
		t.Fatalf("answer %q", body)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestComposedKnowsWholeScenesOnly(t *testing.T) {
	dir, spec := t.TempDir(), demoScenes()[0]
	if composed(dir, spec) {
		t.Fatal("an empty folder was taken for a scene")
	}
	files := map[string]string{"stamp.json": `{"renderer":"` + scene.Renderer + `","spec":{"Seed":101,"Kind":"stacking","Seconds":120,"Width":1280,"Height":720,"FPS":10}}`}
	for _, n := range []string{scene.MainFile, scene.SubFile, scene.TruthFile, scene.ReferenceFile} {
		files[n] = "x"
	}
	for n, text := range files {
		if err := os.WriteFile(filepath.Join(dir, n), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !composed(dir, spec) {
		t.Fatal("a whole scene was not recognised")
	}
	other := spec
	other.Seed++
	if composed(dir, other) {
		t.Fatal("another scene's folder was taken")
	}
	if err := os.Remove(filepath.Join(dir, scene.SubFile)); err != nil {
		t.Fatal(err)
	}
	if composed(dir, spec) {
		t.Fatal("a scene without its sub-stream was taken for whole")
	}
}

func TestComposeRefusesBadSizes(t *testing.T) {
	for _, size := range []string{"big", "10x10", "1281x720"} {
		err := (&composeCmd{Kind: "mixed", Seconds: 60, FPS: 10, Size: size, Out: t.TempDir()}).Run(&cli{})
		if err == nil || !strings.Contains(err.Error(), "size") {
			t.Errorf("size %s: %v", size, err)
		}
	}
}
