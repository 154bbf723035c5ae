// Command sms is a fake text message gateway. It signs, deduplicates by
// orderId, reports deliveries, and fails on demand.
package main

import (
	"encoding/json"
	"time"

	"jiexun/tools/fakes/internal/gateway"
)

func main() {
	s := &gateway.Server{
		IDOf: func(m map[string]any) string { return gateway.Text(m, "orderId") },
		Report: func(g gateway.Got) any {
			var m struct {
				Mobile []string `json:"mobile"`
			}
			_ = json.Unmarshal(g.Body, &m) // it was read before
			mobile := ""
			if len(m.Mobile) > 0 {
				mobile = m.Mobile[0]
			}
			return map[string]any{"msgid": g.MsgID, "orderId": g.ID, "mobile": mobile, "status": "DELIVRD", "reason": "", "timestamp": time.Now().UnixMilli()}
		},
	}
	s.Main("SMS gateway", "127.0.0.1:18081")
}
