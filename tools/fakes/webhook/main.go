// Command webhook receives what the center posts to outside systems, checks
// the signature and shows what arrived.
package main

import "jiexun/tools/fakes/internal/gateway"

func main() {
	s := &gateway.Server{IDOf: func(m map[string]any) string { return gateway.Text(m, "id") }}
	s.Main("webhook receiver", "127.0.0.1:18083")
}
