// Command ssb is a fake of 随申办. The government's side has the push
// (/msg/push) and the to-do list (/todo/create, /todo/done, /todo/cancel);
// the side of shops and citizens, with -side owner, has /owner/push, knows no
// account for the numbers that end as -unbound says, and reports that a
// message has arrived and, with -reads, that it was read.
package main

import (
	"flag"
	"strings"
	"time"

	"jiexun/tools/fakes/internal/gateway"
)

// unbound is the answer for a shop that nobody has an account for.
const unbound = 1004

func main() {
	side := flag.String("side", "government", "government or owner")
	without := flag.String("unbound", "0000", "telephone numbers that end with this have no account; empty for none")
	reads := flag.Bool("reads", false, "the owner's side reports that messages were read")
	report := func(g gateway.Got, status string) any {
		return map[string]any{"msgid": g.MsgID, "orderId": g.ID, "status": status, "timestamp": time.Now().UnixMilli()}
	}
	s := &gateway.Server{
		IDOf: func(m map[string]any) string { return gateway.Text(m, "bizId") },
		Report: func(g gateway.Got) any {
			if *side == "owner" {
				return report(g, "DELIVRD")
			}
			return report(g, "READ")
		},
		Later: func(g gateway.Got) []any {
			if *side == "owner" && *reads {
				return []any{report(g, "READ")}
			}
			return nil
		},
		Refuse: func(path string, m map[string]any) (int, string) {
			if *side != "owner" || !strings.HasSuffix(path, "/owner/push") {
				return 0, ""
			}
			mobile := gateway.Text(m, "mobile")
			if mobile == "" && gateway.Text(m, "creditCode") == "" {
				return 1001, "mobile or creditCode is needed"
			}
			if *without != "" && strings.HasSuffix(mobile, *without) {
				return unbound, "no account is bound"
			}
			return 0, ""
		},
	}
	s.Main("government cloud", "127.0.0.1:18082")
}
