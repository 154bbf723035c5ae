package hub

import (
	"context"
	"sync"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/errs"
)

// waits are commands that have no answer yet.
type waits struct {
	mu   sync.Mutex
	list map[string]*wait
}

type wait struct {
	edge  string
	reply chan edgev1.Result
}

func (w *waits) add(id, edge string) *wait {
	w.mu.Lock()
	defer w.mu.Unlock()
	x := &wait{edge: edge, reply: make(chan edgev1.Result, 1)}
	w.list[id] = x
	return x
}

func (w *waits) drop(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.list, id)
}

func (w *waits) take(id, edge string) *wait {
	w.mu.Lock()
	defer w.mu.Unlock()
	x := w.list[id]
	if x == nil || x.edge != edge {
		return nil
	}
	delete(w.list, id)
	return x
}

// Send asks a box to do something and waits for the answer, at most the
// command's TTL. It implements Commands.
func (s *Service) Send(ctx context.Context, edge string, c edgev1.Command) (edgev1.Result, error) {
	c.V, c.ID, c.SentAt = edgev1.ProtocolVersion, newCommandID(), edgev1.At(s.o.Clock.Now())
	if c.TTLS == 0 {
		c.TTLS = 15
	}
	if err := c.Validate(); err != nil {
		return edgev1.Result{}, errs.Wrap(errs.Invalid, err.Error(), err)
	}
	if !s.Online(edge) {
		return edgev1.Result{}, errs.New(errs.Unavailable, "边缘盒不在线，无法执行；请检查机房网络和盒子电源")
	}
	w := s.waits.add(c.ID, edge)
	defer s.waits.drop(c.ID)
	if err := s.send(edge, edgev1.DownCommand, c, false); err != nil {
		return edgev1.Result{}, errs.Wrap(errs.Unavailable, "命令没有送达边缘盒，请重试", err)
	}
	t := time.NewTimer(time.Duration(c.TTLS) * time.Second)
	defer t.Stop()
	select {
	case r := <-w.reply:
		return r, nil
	case <-t.C:
		return edgev1.Result{}, errs.New(errs.Unavailable, "边缘盒 %d 秒内没有应答，请稍后重试", c.TTLS)
	case <-ctx.Done():
		return edgev1.Result{}, errs.Wrap(errs.Unavailable, "请求已取消", ctx.Err())
	}
}

// takeResult passes an answer to the one who waits; answers that nobody waits
// for any more are dropped.
func (s *Service) takeResult(edge string, payload []byte) {
	r, err := edgev1.Decode[edgev1.Result](payload)
	if err != nil || r.Edge != edge {
		s.m.refuse("result")
		s.o.Log.Warn("result refused", "box", edge, "err", err)
		return
	}
	if w := s.waits.take(r.Command, edge); w != nil {
		w.reply <- r
	}
}
