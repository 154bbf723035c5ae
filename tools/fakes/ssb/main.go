// Command ssb is a fake of the government cloud's push (/msg/push) and to-do
// list (/todo/create, /todo/done, /todo/cancel).
package main

import (
	"time"

	"jiexun/tools/fakes/internal/gateway"
)

func main() {
	s := &gateway.Server{
		IDOf: func(m map[string]any) string { return gateway.Text(m, "bizId") },
		Report: func(g gateway.Got) any {
			return map[string]any{"msgid": g.MsgID, "orderId": g.ID, "status": "READ", "timestamp": time.Now().UnixMilli()}
		},
	}
	s.Main("government cloud", "127.0.0.1:18082")
}
