package app_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"strconv"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/blob"
)

// put sends evidence whole, as a box does.
func put(id edgev1.EnrolResponse, tc *tls.Config, data []byte) error {
	req, err := http.NewRequest(http.MethodPatch, id.HTTPS+"/edge/v1/evidence/"+blob.Digest(data), bytes.NewReader(data))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "image/jpeg")
	req.Header.Set("Upload-Offset", "0")
	req.Header.Set("Upload-Length", strconv.Itoa(len(data)))
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: tc}}
	defer c.CloseIdleConnections()
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("upload: %d %w", res.StatusCode, err)
	}
	return nil
}

// A box answers that it took the picture and uploads it two seconds later, as
// over a slow line: the person gets the picture, not a refusal.
func TestSnapshotOfASlowBox(t *testing.T) {
	a := newCenter(t)
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	person(t, a, "yunwei", "310101", "it")
	it := signIn(t, a, "yunwei")
	box := it.must("POST", "/api/boxes", map[string]string{"name": "一号盒", "regionCode": "310101"})["id"].(string)
	camera := newCamera(it, box)
	id, tc, instance := enrolBox(t, it.must("POST", "/api/boxes/"+box+"/enrolment", nil)["token"].(string))
	var picture bytes.Buffer
	if err := jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, 64, 48)), nil); err != nil {
		t.Fatal(err)
	}
	cl := connect(t, id, tc, instance)
	defer cl.Disconnect(100)
	sent := make(chan error, 1)
	wait(t, cl.Subscribe(edgev1.Topic(box, edgev1.DownCommand), 1, func(_ paho.Client, m paho.Message) {
		cmd, err := edgev1.Decode[edgev1.Command](m.Payload())
		if err != nil || cmd.Kind != edgev1.CmdSnapshot || cmd.Camera != camera {
			t.Errorf("command %+v, %v", cmd, err)
			return
		}
		now := edgev1.At(time.Now())
		b, err := json.Marshal(edgev1.Result{V: 1, Edge: box, Command: cmd.ID, At: now, OK: true, Snapshot: &edgev1.EvidenceRef{
			Role: "frame", SM3: blob.Digest(picture.Bytes()), Size: int64(picture.Len()), MediaType: "image/jpeg", Width: 64, Height: 48, TakenAt: now,
		}})
		if err != nil {
			t.Error(err)
			return
		}
		cl.Publish(edgev1.Topic(box, edgev1.UpResult), 1, false, b)
		go func() {
			time.Sleep(2 * time.Second)
			sent <- put(id, tc, picture.Bytes())
		}()
	}))
	shot := it.must("POST", "/api/cameras/"+camera+"/snapshot", nil)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if shot["sm3"] != blob.Digest(picture.Bytes()) || shot["width"].(float64) != 64 {
		t.Errorf("snapshot %v", shot)
	}
	if code, got := it.do("GET", "/api/blobs/"+blob.Digest(picture.Bytes()), nil); code != 200 || !bytes.Equal(got, picture.Bytes()) {
		t.Errorf("the picture: %d, %d bytes", code, len(got))
	}
}
