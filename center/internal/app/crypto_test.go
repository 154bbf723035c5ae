package app

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/testkit"
)

// hear collects the events of a topic.
func hear(c *city, topic string) *[]string {
	out := &[]string{}
	c.a.bus.Subscribe(topic, "test", func(_ context.Context, tx db.Tx, e events.Event) error {
		tx.AfterCommit(func() { *out = append(*out, string(e.Payload)) })
		return nil
	})
	return out
}

// confirmed lets an alert with one picture be confirmed.
func confirmed(t *testing.T, c *city) (alert, sm3 string, body []byte) {
	t.Helper()
	body = picture(t, 77)
	frame, err := c.a.blobs.PutBytes(context.Background(), body, "image/jpeg")
	if err != nil {
		t.Fatal(err)
	}
	c.report(t, 1, 1, 0, "frontage", "opened", frame.SM3)
	a := call[page](t, c, "caozuo", "GET", "/api/alerts?tab=pending", nil).Items[0]
	call[row](t, c, "caozuo", "POST", "/api/alerts/"+a.ID+"/confirm", map[string]any{"rev": a.Rev})
	c.drain(t)
	return a.ID, frame.SM3, body
}

// flipStored changes one byte of a file in the store.
func flipStored(t *testing.T, c *city, sm3 string, at int) {
	t.Helper()
	found := false
	err := filepath.WalkDir(filepath.Join(c.a.o.Data, "blobs"), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(filepath.Base(p), sm3) || strings.HasSuffix(p, ".json") {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil || len(b) < 100 {
			return err
		}
		found = true
		b[at] ^= 1
		if err := os.Chmod(p, 0o600); err != nil {
			return err
		}
		return os.WriteFile(p, b, 0o600)
	})
	if err != nil || !found {
		t.Fatalf("file %s in the store: %v", sm3, err)
	}
}

// Evidence of a confirmed alert is signed, and one flipped byte is named: in
// the store, in a file that somebody brings, and in the kept signature.
func TestEvidenceIsSigned(t *testing.T) {
	c := newCity(t)
	told := hear(c, topicIntegrity)
	id, sm3, body := confirmed(t, c)
	of := func() SignatureReport {
		return call[SignatureReport](t, c, "caozuo", "GET", "/api/signatures?object=alert&id="+id, nil)
	}
	r := of()
	if len(r.Checks) != 1 || r.Checks[0].State != "ok" || r.Checks[0].SignerName == "" || r.Checks[0].Cert == "" {
		t.Fatalf("%+v", r)
	}
	upload := func(b []byte, query string) SignatureReport {
		t.Helper()
		code, out, _ := testkit.Do(t, c.a.Fiber(), "POST", "/api/signatures/check"+query, string(b), c.as(t, "caozuo"))
		if code != 200 {
			t.Fatalf("%d %s", code, out)
		}
		return testkit.JSON[SignatureReport](t, out)
	}
	if r = upload(body, ""); len(r.Checks) != 1 || r.Checks[0].State != "ok" {
		t.Fatalf("own file: %+v", r)
	}
	bad := bytes.Clone(body)
	bad[50] ^= 1
	if r = upload(bad, ""); len(r.Checks) != 0 {
		t.Errorf("a changed file has a signature: %+v", r)
	}
	if r = upload(bad, "?object=alert&id="+id); len(r.Checks) != 1 || r.Checks[0].State != "tampered" {
		t.Errorf("a changed file against its alert: %+v", r)
	}
	flipStored(t, c, sm3, 50)
	if r = of(); r.Checks[0].State != "tampered" || !strings.Contains(r.Checks[0].What, "文件被改动") {
		t.Errorf("a changed file in the store: %+v", r.Checks[0])
	}
	flipStored(t, c, sm3, 50)
	if _, err := c.a.db.SQL().Exec("UPDATE crypto_signatures SET signed_at = signed_at - 1000"); err != nil {
		t.Fatal(err)
	}
	if r = of(); r.Checks[0].State != "tampered" || !strings.Contains(r.Checks[0].What, "签名记录") {
		t.Errorf("a changed time of signing: %+v", r.Checks[0])
	}
	if len(c.a.tampers) == 0 {
		t.Fatal("nobody was told")
	}
	c.a.publishTamper(context.Background(), <-c.a.tampers)
	c.drain(t)
	if len(*told) != 1 || !strings.Contains((*told)[0], "alert:"+id) {
		t.Errorf("told %v", *told)
	}
	// Somebody who may not see the alert learns nothing.
	if code, out, _ := testkit.Do(t, c.a.Fiber(), "GET", "/api/signatures?object=alert&id="+id, nil, c.as(t, "shenji")); code == 200 {
		t.Errorf("the auditor reads an alert's signatures: %s", out)
	}
}

// The chain's check names the broken record, tells of it once, and the page
// shows it.
func TestBrokenChainIsTold(t *testing.T) {
	c := newCity(t)
	told := hear(c, topicAuditBroken)
	confirmed(t, c)
	if r := call[audit.Check](t, c, "shenji", "POST", "/api/audit/verify", nil); r.Fault != "" || r.Rows == 0 {
		t.Fatalf("%+v", r)
	}
	if _, err := c.a.db.SQL().Exec("UPDATE audit_records SET actor_name = 'x' WHERE seq = 3"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if r := call[audit.Check](t, c, "shenji", "POST", "/api/audit/verify", nil); r.FaultSeq != 3 {
			t.Fatalf("%+v", r)
		}
	}
	c.drain(t)
	if len(*told) != 1 || !strings.Contains((*told)[0], `"seq":3`) {
		t.Errorf("told %v", *told)
	}
	if s := call[AuditChain](t, c, "shenji", "GET", "/api/audit/state", nil); !s.Coded || len(s.Checks) != 3 || s.Checks[0].FaultSeq != 3 {
		t.Errorf("%+v", s)
	}
}

func TestTimelineAndExport(t *testing.T) {
	c := newCity(t)
	id, _, _ := confirmed(t, c)
	path := "/api/audit/of/alert/" + id
	list := call[struct{ Items []audit.Item }](t, c, "caozuo", "GET", path, nil)
	if len(list.Items) == 0 || list.Items[len(list.Items)-1].Act != "alert.confirm" || list.Items[0].IP != "" {
		t.Fatalf("%+v", list)
	}
	if got := call[struct{ Items []audit.Item }](t, c, "shenji", "GET", path, nil); len(got.Items) != len(list.Items) {
		t.Errorf("the auditor reads %d records", len(got.Items))
	}
	for who, p := range map[string]string{"caozuo": "/api/audit/of/person/" + id, "duiyuan": path} {
		if code, out, _ := testkit.Do(t, c.a.Fiber(), "GET", p, nil, c.as(t, who)); code == 200 {
			t.Errorf("%s reads %s: %s", who, p, out)
		}
	}
	code, out, _ := testkit.Do(t, c.a.Fiber(), "GET", "/api/audit/export?act=alert.confirm", nil, c.as(t, "shenji"))
	if code != 422 {
		t.Errorf("export without a reason: %d %s", code, out)
	}
	code, out, _ = testkit.Do(t, c.a.Fiber(), "GET", "/api/audit/export?act=alert.confirm&reason=%E5%B9%B4%E6%A3%80", nil, c.as(t, "shenji"))
	if code != 200 || !bytes.HasPrefix(out, []byte("\xef\xbb\xbf")) || !bytes.Contains(out, []byte("alert.confirm")) || !bytes.Contains(out, []byte("年检")) {
		t.Errorf("export: %d %.300s", code, out)
	}
	kept := call[struct{ Items []audit.Item }](t, c, "shenji", "GET", "/api/audit?act=audit.export", nil)
	if len(kept.Items) != 1 || kept.Items[0].Reason != "年检" {
		t.Errorf("the export is recorded as %+v", kept)
	}
	if s := safeCell("=cmd()"); s != "'=cmd()" {
		t.Errorf("a formula becomes %q", s)
	}
}

// The page of cryptography: live checks, and a rotation that leaves every
// password readable.
func TestCryptoPage(t *testing.T) {
	c := newCity(t)
	r := call[CryptoReport](t, c, "anquan", "POST", "/api/crypto/self-test", nil)
	if len(r.Modules) != 7 || r.TriedAt == nil || r.Release.State != "unsigned" || r.Provider.Certified {
		t.Fatalf("%+v", r)
	}
	for _, m := range r.Modules {
		if len(m.Tried) == 0 {
			t.Errorf("module %d was not tried", m.No)
		}
		for _, x := range m.Tried {
			if !x.OK || x.Caught == "" {
				t.Errorf("module %d %s: %s", m.No, x.Name, x.Fault)
			}
		}
	}
	if code, _, _ := testkit.Do(t, c.a.Fiber(), "POST", "/api/crypto/rotate", map[string]string{"kind": "seal", "purpose": "camera.password", "reason": "演练"}, c.as(t, "shenji")); code != 403 {
		t.Errorf("the auditor rotates keys: %d", code)
	}
	code, _, _ := testkit.Do(t, c.a.Fiber(), "POST", "/api/crypto/rotate", map[string]string{"kind": "seal", "purpose": "nothing", "reason": "演练"}, c.as(t, "anquan"))
	if code != 422 {
		t.Errorf("a purpose that is not there: %d", code)
	}
	before, ok, err := c.a.directory.ConfigFor(context.Background(), c.demo.BoxID)
	if err != nil || !ok {
		t.Fatal(err)
	}
	run := call[CryptoRun](t, c, "anquan", "POST", "/api/crypto/rotate", map[string]string{"kind": "seal", "purpose": "camera.password", "reason": "演练"})
	if run.Key.Version != 2 || run.JobID == "" {
		t.Fatalf("%+v", run)
	}
	if r = call[CryptoReport](t, c, "anquan", "GET", "/api/crypto", nil); r.Pending["dir_configs.body"] == 0 {
		t.Errorf("nothing is pending: %v", r.Pending)
	}
	if _, err := c.a.keys.Rewrap(context.Background(), "camera.password", nil); err != nil {
		t.Fatal(err)
	}
	if r = call[CryptoReport](t, c, "anquan", "GET", "/api/crypto", nil); r.Pending["dir_configs.body"]+r.Pending["dir_cameras.password"] != 0 {
		t.Errorf("still pending: %v", r.Pending)
	}
	after, _, err := c.a.directory.ConfigFor(context.Background(), c.demo.BoxID)
	if err != nil || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("the box's state changed: %v, %v", after, err)
	}
	if kept := call[struct{ Items []audit.Item }](t, c, "shenji", "GET", "/api/audit?act=crypto.rotate", nil); len(kept.Items) != 1 {
		t.Errorf("the rotation is recorded as %+v", kept)
	}
}

// A place that does not hold is told once in a while, not at each reading.
func TestTamperIsToldOnce(t *testing.T) {
	c := newCity(t)
	told := hear(c, topicIntegrity)
	for range 5 {
		c.a.publishTamper(context.Background(), crypto.Tamper{Purpose: "totp", Where: "x:1", What: "changed"})
	}
	c.a.toldMu.Lock()
	c.a.told["totp|x:1"] = time.Now().Add(-2 * tamperPause)
	c.a.toldMu.Unlock()
	c.a.publishTamper(context.Background(), crypto.Tamper{Purpose: "totp", Where: "x:1", What: "changed"})
	c.drain(t)
	if len(*told) != 2 {
		t.Errorf("told %d times", len(*told))
	}
}
