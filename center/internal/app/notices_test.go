package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/notify"
	"jiexun/center/internal/platform/testkit"
)

// shopGateway stands for 随申办's side of shops and the SMS gateway.
type shopGateway struct {
	*httptest.Server
	mu      sync.Mutex
	unbound bool
	got     []map[string]any
}

func newShopGateway(t *testing.T) *shopGateway {
	g := &shopGateway{}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			t.Error(err)
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.unbound && strings.HasSuffix(r.URL.Path, "/owner/push") {
			_, _ = io.WriteString(w, `{"code":1004,"message":"none"}`)
			return
		}
		m["path"] = r.URL.Path
		g.got = append(g.got, m)
		_, _ = fmt.Fprintf(w, `{"code":0,"msgid":"m-%d"}`, len(g.got))
	}))
	t.Cleanup(g.Close)
	return g
}

// noticed is a notice as the console gets it.
type noticed struct {
	ID, No, Code, State, Way, OrderID, Paper, AnswerKind string
	Rev                                                  int64
	Paused                                               bool
	Doc                                                  struct {
		Body   string
		Causes []struct {
			Code     string
			Articles []struct{ Law, Article, Text string }
		}
	}
	Allowed []string
}

// orderOf confirms an alert and gives its order.
func (c *city) orderOf(t *testing.T, n int, kind edgev1.Kind) string {
	t.Helper()
	frame, err := c.a.blobs.PutBytes(context.Background(), picture(t, uint8(90+n)), "image/jpeg")
	if err != nil {
		t.Fatal(err)
	}
	c.report(t, n, 1, 0, kind, edgev1.Opened, frame.SM3)
	list := call[page](t, c, "paidan", "GET", "/api/alerts?tab=pending", nil)
	if len(list.Items) == 0 {
		t.Fatal("no alert came")
	}
	a := list.Items[0]
	shops := call[page](t, c, "paidan", "GET", "/api/shops", nil)
	call[row](t, c, "paidan", "POST", "/api/alerts/"+a.ID+"/confirm", map[string]any{"rev": a.Rev, "shopId": shops.Items[0].ID, "merge": true})
	orders := call[page](t, c, "paidan", "GET", "/api/orders", nil)
	c.drain(t)
	return orders.Items[0].ID
}

func (c *city) channel(t *testing.T, code, address string) {
	t.Helper()
	for _, ch := range call[[]map[string]any](t, c, "xitong", "GET", "/api/notify/channels", nil) {
		if ch["code"] == code {
			ch["mode"], ch["address"], ch["appId"], ch["secret"], ch["sender"] = "fake", address, "jiexun", "s", "城管执法"
			ch["quietFrom"], ch["quietTo"] = 0, 0
			for k := range ch {
				switch k {
				case "code", "mode", "address", "appId", "secret", "sender", "perHour", "quietFrom", "quietTo", "tries", "retryMinutes", "expireHours", "rev":
				default:
					delete(ch, k)
				}
			}
			code, out, _ := testkit.Do(t, c.a.Fiber(), "PUT", "/api/notify/channels/"+fmt.Sprint(ch["code"]), ch, c.as(t, "xitong"))
			if code/100 != 2 {
				t.Fatalf("%d %s", code, out)
			}
		}
	}
}

func (c *city) deliver(t *testing.T) {
	t.Helper()
	for _, ch := range []string{notify.Owner, notify.SMS} {
		if _, err := c.a.notify.Deliver(context.Background(), ch); err != nil {
			t.Fatal(err)
		}
	}
	c.drain(t)
}

func owner(t *testing.T, c *city, method, path, session string, body any) (int, map[string]any) {
	t.Helper()
	code, out, _ := testkit.Do(t, c.a.Fiber(), method, "/api/owner"+path, body, map[string]string{"X-Owner": session})
	var m map[string]any
	if len(out) > 0 {
		if err := json.Unmarshal(out, &m); err != nil {
			t.Fatalf("%s: %s", path, out)
		}
	}
	return code, m
}

func (c *city) notice(t *testing.T, id string) noticed {
	t.Helper()
	return call[noticed](t, c, "paidan", "GET", "/api/notices/"+id, nil)
}

func TestNoticeFromOrderToConfirmedCorrection(t *testing.T) {
	c := newCity(t)
	g := newShopGateway(t)
	c.channel(t, notify.SMS, g.URL)
	c.channel(t, notify.Owner, g.URL)
	order := c.orderOf(t, 1, edgev1.Stacking)
	// No shop has a number: nobody but a person can bring it.
	n := call[noticed](t, c, "paidan", "POST", "/api/notices", map[string]any{"kind": "rectify", "orderId": order})
	again := call[struct {
		ID    string
		Again bool
	}](t, c, "paidan", "POST", "/api/notices", map[string]any{"kind": "rectify", "orderId": order})
	if again.ID != n.ID || !again.Again {
		t.Errorf("the second time made %+v", again)
	}
	d := c.notice(t, n.ID)
	if d.State != "made" || (d.Way != "visit" && d.Way != "ssbc") {
		t.Errorf("a new notice is %s by %s", d.State, d.Way)
	}
	c.sameLaw(t, d)
	c.deliver(t)
	if d = c.notice(t, n.ID); d.Way == "visit" {
		d = call[noticed](t, c, "paidan", "POST", "/api/notices/"+n.ID+"/serve", map[string]any{"receiver": "店员", "photos": []string{}, "rev": d.Rev})
		if d.State != "delivered" {
			t.Errorf("a notice that was brought is %s", d.State)
		}
	}
	c.corrected(t, n.ID)
}

// sameLaw checks that the words of the law are those of the library.
func (c *city) sameLaw(t *testing.T, d noticed) {
	t.Helper()
	if len(d.Doc.Causes) == 0 {
		t.Fatal("the notice has no cause")
	}
	for _, x := range d.Doc.Causes {
		is, err := c.a.causes.At(context.Background(), x.Code, c.clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		if len(is.Articles) != len(x.Articles) {
			t.Errorf("%s has %d articles, the library %d", x.Code, len(x.Articles), len(is.Articles))
		}
		for i, a := range is.Articles {
			if x.Articles[i].Text != a.Text || x.Articles[i].Article != a.Article || !strings.Contains(d.Doc.Body, a.Cite()) || !strings.Contains(d.Doc.Body, a.Text) {
				t.Errorf("the notice does not say what the library says: %s %s", a.Cite(), a.Text)
			}
		}
	}
	if strings.Contains(d.Doc.Body, "{{") {
		t.Errorf("a variable is left: %s", d.Doc.Body)
	}
}

// corrected goes from the shop's page to the officer's confirmation.
func (c *city) corrected(t *testing.T, id string) {
	t.Helper()
	d := c.notice(t, id)
	for _, wrong := range []map[string]any{{"code": d.Code, "tail": "zzzz"}, {"code": "AAAA-BBBB-CCCC", "tail": d.Paper}, {"code": "", "tail": ""}} {
		code, m := owner(t, c, "POST", "/open", "", wrong)
		if code != 403 || m["message"] != "查询码或后四位不对，请核对后再试" {
			t.Errorf("%v opens with %d %v", wrong, code, m)
		}
	}
	code, m := owner(t, c, "POST", "/open", "", map[string]any{"code": strings.ToLower(d.Code), "tail": d.Paper})
	if code != 200 {
		t.Fatalf("the paper does not open it: %d %v", code, m)
	}
	s := fmt.Sprint(m["session"])
	if code, m = owner(t, c, "GET", "/notice", s, nil); code != 200 || m["canCorrect"] != true || m["canObject"] != true {
		t.Fatalf("%d %v", code, m)
	}
	if code, _ := owner(t, c, "GET", "/notice", s[:len(s)-1]+"x", nil); code != 401 {
		t.Errorf("a session that was changed gives %d", code)
	}
	if d = c.notice(t, id); d.State != "read" {
		t.Errorf("an opened notice is %s", d.State)
	}
	if code, _ := owner(t, c, "POST", "/answer", s, map[string]any{"kind": "corrected", "text": "", "photos": []string{}, "key": "key-0001"}); code != 422 {
		t.Errorf("a correction without a photo gives %d", code)
	}
	up, out, _ := testkit.Do(t, c.a.Fiber(), "POST", "/api/owner/photos", string(picture(t, 200)), map[string]string{"X-Owner": s, "Content-Type": "image/jpeg"})
	if up != 200 {
		t.Fatalf("upload: %d %s", up, out)
	}
	sm3 := testkit.JSON[struct{ SM3 string }](t, out).SM3
	other := strings.Repeat("a", 64)
	if code, _ := owner(t, c, "POST", "/answer", s, map[string]any{"kind": "corrected", "text": "", "photos": []string{other}, "key": "key-0002"}); code != 422 {
		t.Errorf("somebody else's photo gives %d", code)
	}
	answer := map[string]any{"kind": "corrected", "text": "已搬回店内", "photos": []string{sm3}, "key": "key-0003"}
	for range 2 { // a request that is repeated is the same answer
		if code, m := owner(t, c, "POST", "/answer", s, answer); code != 200 || len(m["answers"].([]any)) != 1 {
			t.Fatalf("answer: %d %v", code, m)
		}
	}
	c.drain(t)
	d = c.notice(t, id)
	back := call[noticed](t, c, "paidan", "POST", "/api/notices/"+id+"/decide", map[string]any{"rev": d.Rev, "pass": false, "reason": "还有一箱没有搬走"})
	if back.State != "rejected" {
		t.Errorf("sent back is %s", back.State)
	}
	answer["key"] = "key-0004"
	if code, m := owner(t, c, "POST", "/answer", s, answer); code != 200 {
		t.Fatalf("second answer: %d %v", code, m)
	}
	d = c.notice(t, id)
	if d = call[noticed](t, c, "paidan", "POST", "/api/notices/"+id+"/decide", map[string]any{"rev": d.Rev, "pass": true}); d.State != "confirmed" || len(d.Allowed) != 0 {
		t.Errorf("confirmed is %s, allowed %v", d.State, d.Allowed)
	}
	if code, _ := owner(t, c, "POST", "/answer", s, map[string]any{"kind": "objection", "text": "没有这回事情", "photos": []string{}, "key": "key-0005"}); code != 409 {
		t.Errorf("an answer after the end gives %d", code)
	}
	code, m = owner(t, c, "GET", "/check?code="+d.Code, "", nil)
	if code != 200 || m["found"] != true || m["valid"] != true {
		t.Errorf("check: %d %v", code, m)
	}
}

func TestObjectionStopsTheClockAndFiveWrongTailsLock(t *testing.T) {
	c := newCity(t)
	order := c.orderOf(t, 1, edgev1.Frontage)
	n := call[noticed](t, c, "paidan", "POST", "/api/notices", map[string]any{"kind": "rectify", "orderId": order})
	d := c.notice(t, n.ID)
	if d.Way != "visit" {
		t.Errorf("without channels the notice goes by %s", d.Way)
	}
	for range 5 {
		owner(t, c, "POST", "/open", "", map[string]any{"code": d.Code, "tail": "zzzz"})
	}
	if code, _ := owner(t, c, "POST", "/open", "", map[string]any{"code": d.Code, "tail": d.Paper}); code != 429 {
		t.Errorf("after five wrong tails the right one gives %d", code)
	}
	c.clock.Advance(16 * time.Minute)
	code, m := owner(t, c, "POST", "/open", "", map[string]any{"code": d.Code, "tail": d.Paper})
	if code != 200 {
		t.Fatalf("after the lock: %d %v", code, m)
	}
	s := fmt.Sprint(m["session"])
	if code, m := owner(t, c, "POST", "/answer", s, map[string]any{"kind": "objection", "text": "那不是我店里的东西", "photos": []string{}, "key": "key-0001"}); code != 200 {
		t.Fatalf("objection: %d %v", code, m)
	}
	if d = c.notice(t, n.ID); !d.Paused || d.AnswerKind != "objection" {
		t.Errorf("%+v", d)
	}
	d = call[noticed](t, c, "paidan", "POST", "/api/notices/"+n.ID+"/objection", map[string]any{"rev": d.Rev, "pass": false, "reason": "画面能看清是门口"})
	if d.Paused || d.State != "rejected" {
		t.Errorf("dismissed: %+v", d)
	}
	code, m = owner(t, c, "POST", "/answer", s, map[string]any{"kind": "objection", "text": "仍然不是我店里的", "photos": []string{}, "key": "key-0002"})
	if code != 200 {
		t.Fatalf("%d %v", code, m)
	}
	d = c.notice(t, n.ID)
	if d = call[noticed](t, c, "paidan", "POST", "/api/notices/"+n.ID+"/objection", map[string]any{"rev": d.Rev, "pass": true, "reason": "核实后异议成立"}); d.State != "withdrawn" {
		t.Errorf("upheld: %s", d.State)
	}
	if _, m := owner(t, c, "GET", "/check?code="+d.Code, "", nil); m["valid"] != false {
		t.Errorf("a withdrawn notice passes: %v", m)
	}
}
