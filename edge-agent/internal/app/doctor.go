package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"jiexun/edge-agent/internal/identity"
	"jiexun/edge-agent/internal/infer"
	"jiexun/edge-agent/internal/outbox"
)

// DoctorOptions say what to check.
type DoctorOptions struct {
	Data, Local, Provider string
	Out                   io.Writer
}

// Doctor checks what a box needs and says for each thing whether it is well
// and what to do if not. It changes nothing. The error counts what failed.
func Doctor(ctx context.Context, o DoctorOptions) error {
	bad := 0
	check := func(what string, do func() (string, error)) {
		text, err := do()
		if err != nil {
			bad++
			fmt.Fprintf(o.Out, "✗ %s: %v\n", what, err)
			return
		}
		fmt.Fprintf(o.Out, "✓ %s: %s\n", what, text)
	}
	check("models", func() (string, error) {
		n, err := loadNetworks(infer.Options{Local: o.Local, Provider: o.Provider})
		if err != nil {
			return "", err
		}
		text := fmt.Sprintf("ONNX Runtime %s, detector and text models loaded", n.rt.Version())
		if n.verifier == nil {
			text += "; no verifier: more false alerts"
		}
		return text, n.rt.Close()
	})
	check("disk", func() (string, error) {
		if err := os.MkdirAll(o.Data, 0o700); err != nil {
			return "", fmt.Errorf("the data folder cannot be made: %w", err)
		}
		free, err := freeMB(o.Data)
		if err == nil && free < lowDiskMB {
			err = fmt.Errorf("only %d MB are free in %s; evidence needs at least %d", free, o.Data, lowDiskMB)
		}
		return fmt.Sprintf("%d MB free in %s", free, o.Data), err
	})
	check("clock", func() (string, error) {
		if y := time.Now().Year(); y < 2026 {
			return "", fmt.Errorf("the year is %d; set the clock and start a time service (chrony)", y)
		}
		return time.Now().Format(time.RFC3339), nil
	})
	var id *identity.Identity
	check("identity", func() (string, error) {
		var err error
		if id, err = identity.Load(filepath.Join(o.Data, "identity")); err != nil {
			return "", err
		}
		return "box " + id.Edge, nil
	})
	if id != nil {
		check("outbox", func() (string, error) { return outboxState(ctx, o.Data) })
		check("messages (MQTT)", func() (string, error) { return reach(ctx, id, id.MQTT) })
		check("evidence (HTTPS)", func() (string, error) { return reach(ctx, id, id.HTTPS) })
	}
	if bad > 0 {
		return fmt.Errorf("%d checks failed", bad)
	}
	return nil
}

func outboxState(ctx context.Context, data string) (string, error) {
	b, err := outbox.Open(ctx, outbox.Options{Path: filepath.Join(data, "outbox.db")})
	if err != nil {
		return "", err
	}
	s, err := b.Stats(ctx)
	return fmt.Sprintf("%d messages wait, %d were refused, %d dropped", s.Depth, s.Rejected, s.Dropped), errors.Join(err, b.Close())
}

// reach makes a TLS connection with the box's certificate and ends it.
func reach(ctx context.Context, id *identity.Identity, address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("address %q: %w", address, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	start := time.Now()
	c, err := (&tls.Dialer{Config: id.TLS}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return "", fmt.Errorf("%s cannot be reached: %w; check the network and the firewall's outbound ports", u.Host, err)
	}
	return fmt.Sprintf("%s in %d ms", u.Host, time.Since(start).Milliseconds()), c.Close()
}
