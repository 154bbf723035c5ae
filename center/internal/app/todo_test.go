package app

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/stream"
)

type todos struct {
	Items []struct {
		ID, SourceID, Key, Title, DueState, Path string
		Step, Steps                              int
		Acts                                     []struct{ Code string }
	}
	Total int64
}

// What waits for whom follows an order from the desk to its end, in the
// transactions that change the order, and the browsers concerned are told.
func TestTodosFollowAnOrder(t *testing.T) {
	c := newCity(t)
	c.report(t, 1, 1, 0, edgev1.Frontage, edgev1.Opened, strings.Repeat("a", 64))
	a := call[page](t, c, "caozuo", "GET", "/api/alerts?tab=pending", nil).Items[0]
	made := call[struct{ OrderID string }](t, c, "caozuo", "POST", "/api/alerts/"+a.ID+"/confirm", map[string]any{"rev": a.Rev})
	base := "/api/orders/" + made.OrderID
	// waits tells which step of the order waits for an account in a tab.
	waits := func(account, tab string) string {
		t.Helper()
		l := call[todos](t, c, account, "GET", "/api/todos?tab="+tab, nil)
		if l.Total == 0 {
			return ""
		}
		if l.Total > 1 || l.Items[0].SourceID != made.OrderID || l.Items[0].Path != "/orders/"+made.OrderID {
			t.Fatalf("%s has %+v", account, l)
		}
		return fmt.Sprintf("%s %d/%d", l.Items[0].Key, l.Items[0].Step, l.Items[0].Steps)
	}
	expect := func(account, tab, want string) {
		t.Helper()
		if got := waits(account, tab); got != want {
			t.Fatalf("%s/%s has %q, want %q", account, tab, got, want)
		}
	}
	expect("paidan", "group", "dispatch 1/5")
	expect("zhongdui", "group", "")
	o := call[order](t, c, "paidan", "GET", base, nil)
	o = call[order](t, c, "paidan", "POST", base+"/assign", map[string]any{"rev": o.Rev, "squadOrgId": "org-310101013"})
	expect("paidan", "group", "")
	expect("paidan", "done", "dispatch 1/5")
	expect("zhongdui", "group", "assign 2/5")
	item := call[todos](t, c, "zhongdui", "GET", "/api/todos?tab=group", nil).Items[0]
	call[struct{}](t, c, "zhongdui", "POST", "/api/todos/"+item.ID+"/claim", nil)
	expect("zhongdui", "todo", "assign 2/5")
	officers := call[struct{ Items []struct{ ID, Name string } }](t, c, "zhongdui", "GET", "/api/persons?org=org-310101013&role=officer", nil)
	me := officers.Items[0].ID
	c.drain(t)
	client := c.a.stream.Join(stream.Viewer{ActorID: me, Holders: []string{me}, May: func(string, string) bool { return false }})
	o = call[order](t, c, "zhongdui", "POST", base+"/assign", map[string]any{"rev": o.Rev, "officerId": me})
	c.drain(t)
	frames := ""
	for len(client.C) > 0 {
		frames += string(<-client.C)
	}
	if !strings.Contains(frames, "event: todo") || !strings.Contains(frames, `"change":"created"`) || !strings.Contains(frames, "event: message") {
		t.Fatalf("the officer's browser got %q", frames)
	}
	expect("zhongdui", "todo", "")
	expect("duiyuan", "todo", "handle 3/5")
	// The officer signs for it in the to-do centre, as one of a batch.
	mine := call[todos](t, c, "duiyuan", "GET", "/api/todos", nil).Items[0]
	res := call[[]struct {
		OK      bool
		Message string
	}](t, c, "duiyuan", "POST", "/api/todos/batch", map[string]any{"act": "accept", "ids": []string{mine.ID, "x"}})
	if len(res) != 2 || res[0].OK == res[1].OK {
		t.Fatalf("batch %+v", res)
	}
	expect("duiyuan", "todo", "handle 4/5")
	n := call[struct{ Todo, Overdue, Group int64 }](t, c, "duiyuan", "GET", "/api/todos/counts", nil)
	if n.Todo != 1 {
		t.Fatalf("counts %+v", n)
	}
	counts, _ := json.Marshal(n)
	o = call[order](t, c, "duiyuan", "GET", base, nil)
	if o.State != "accepted" {
		t.Fatalf("after the batch: %+v (%s)", o, counts)
	}
	o = call[order](t, c, "duiyuan", "POST", base+"/arrive", map[string]any{"rev": o.Rev, "lng": 121.4866, "lat": 31.2339, "accuracyM": 9})
	photo := upload(t, c, "duiyuan", picture(t, 200))
	o = call[order](t, c, "duiyuan", "POST", base+"/handle", map[string]any{"rev": o.Rev, "result": "corrected", "note": "已搬回", "photos": []string{photo}})
	expect("duiyuan", "todo", "")
	expect("zhongdui", "group", "review 5/5")
	call[order](t, c, "zhongdui", "POST", base+"/review", map[string]any{"rev": o.Rev, "pass": true})
	for _, who := range []string{"paidan", "zhongdui", "duiyuan"} {
		expect(who, "todo", "")
		expect(who, "group", "")
	}
	m := call[struct{ Unread int64 }](t, c, "duiyuan", "GET", "/api/messages/unread", nil)
	if m.Unread == 0 {
		t.Error("the officer got no message in the console")
	}
}
