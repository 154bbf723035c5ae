package boxlink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"jiexun/api/edgev1"
)

// Handlers get what the center sends; they run on the client's goroutines
// and must not block. Nil ones are not called.
type Handlers struct {
	Ack    func(edgev1.Ack)
	Config func(edgev1.Config)
	// Lost is called once when an established line breaks.
	Lost func(error)
}

// Conn is one box's MQTT connection. It does not reconnect.
type Conn struct {
	id     *Identity
	client mqtt.Client
}

// Dial connects and subscribes to what the center sends.
func Dial(ctx context.Context, id *Identity, h Handlers) (*Conn, error) {
	o := mqtt.NewClientOptions().
		AddBroker(id.MQTT).SetClientID(id.Edge + "/" + id.Instance).SetTLSConfig(id.TLS).
		SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).SetOrderMatters(false).
		SetConnectTimeout(20 * time.Second).SetKeepAlive(30 * time.Second).SetWriteTimeout(30 * time.Second).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			if h.Lost != nil {
				h.Lost(err)
			}
		})
	c := &Conn{id: id, client: mqtt.NewClient(o)}
	if err := wait(ctx, c.client.Connect(), "connect to "+id.MQTT); err != nil {
		c.client.Disconnect(0)
		return nil, err
	}
	subs := map[string]byte{edgev1.Topic(id.Edge, edgev1.DownAck): 1}
	if h.Config != nil {
		subs[edgev1.Topic(id.Edge, edgev1.DownConfig)] = 1
	}
	t := c.client.SubscribeMultiple(subs, func(_ mqtt.Client, m mqtt.Message) { receive(id.Edge, h, m) })
	if err := wait(ctx, t, "subscribe"); err != nil {
		c.client.Disconnect(0)
		return nil, err
	}
	return c, nil
}

func receive(edge string, h Handlers, m mqtt.Message) {
	switch m.Topic() {
	case edgev1.Topic(edge, edgev1.DownAck):
		var a edgev1.Ack
		if json.Unmarshal(m.Payload(), &a) == nil && h.Ack != nil {
			h.Ack(a)
		}
	case edgev1.Topic(edge, edgev1.DownConfig):
		var c edgev1.Config
		if json.Unmarshal(m.Payload(), &c) == nil && h.Config != nil {
			h.Config(c)
		}
	}
}

func wait(ctx context.Context, t mqtt.Token, what string) error {
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	select {
	case <-t.Done():
	case <-limit.C:
		return fmt.Errorf("%s: no answer in 30 s", what)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	if t.Error() != nil {
		return fmt.Errorf("%s: %w", what, t.Error())
	}
	return nil
}

// Send hands one message over at QoS 1. It does not wait for the broker: what
// counts is the center's own acknowledgement.
func (c *Conn) Send(suffix string, payload []byte) error {
	t := c.client.Publish(edgev1.Topic(c.id.Edge, suffix), 1, false, payload)
	if err := t.Error(); err != nil {
		return fmt.Errorf("publish %s: %w", suffix, err)
	}
	return nil
}

// SendJSON encodes v and sends it.
func (c *Conn) SendJSON(suffix string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", suffix, err)
	}
	if len(b) > edgev1.MaxPayload {
		return errors.New("the message is larger than the center takes")
	}
	return c.Send(suffix, b)
}

// Close disconnects.
func (c *Conn) Close() { c.client.Disconnect(100) }
