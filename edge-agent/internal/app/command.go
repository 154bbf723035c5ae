package app

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/evidence"
	"jiexun/edge-agent/internal/picture"
	"jiexun/edge-agent/internal/probe"
	"jiexun/edge-agent/internal/source"
)

// command runs one command of the center and answers in words for people.
func (b *Box) command(ctx context.Context, c edgev1.Command) edgev1.Result {
	var r edgev1.Result
	var err error
	switch c.Kind {
	case edgev1.CmdSnapshot:
		r.Snapshot, err = b.snapshot(c.Camera)
	case edgev1.CmdProbe:
		p := probe.Probe(ctx, c.URL, c.Username, c.Password, "", time.Second)
		r.Probe = &p
	case edgev1.CmdPushStart:
		err = b.pushStart(c.Camera, c.PushURL)
	case edgev1.CmdPushStop:
		b.pushes.end(c.Camera)
	case edgev1.CmdRecords:
		r.Spans = b.recordsOf(c)
	case edgev1.CmdCut:
		r.Cut, err = b.cut(ctx, c)
	case edgev1.CmdInspect:
		r.Running, err = b.inspect(c.Camera)
	case edgev1.CmdTask:
		err = b.patrol.Take(ctx, *c.Task)
	case edgev1.CmdTaskStop:
		err = b.patrol.Stop(ctx, c.TaskID)
	default:
		err = fmt.Errorf("这台边缘盒（版本 %s）不认识命令 %s，请升级", b.o.Version, c.Kind)
	}
	r.OK = err == nil
	if err != nil {
		r.Message = err.Error()
	}
	return r
}

// snapshot stores the newest picture of the main stream as evidence, which
// brings it to the center.
func (b *Box) snapshot(id string) (*edgev1.EvidenceRef, error) {
	cam, err := b.manager.find(id)
	if err != nil {
		return nil, err
	}
	var ref edgev1.EvidenceRef
	err = cam.mainPicture(func(p *picture.YUV, u *source.AccessUnit) error {
		if old := time.Since(u.Received); old > 30*time.Second {
			return fmt.Errorf("最近一帧已是 %d 秒前：%s", int(old.Seconds()), cam.main.src.Stats().Detail)
		}
		e := evidence.NewBuilder(b.files)
		err := e.Add(evidence.RoleFrame, p, u.Received)
		if err == nil {
			ref = e.Refs()[0]
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	b.link.EvidenceAdded()
	return &ref, nil
}

// pushes are the live views that go to the center now.
type pushes struct {
	log *slog.Logger
	mu  sync.Mutex
	on  map[string]*push
	wg  sync.WaitGroup
}

type push struct {
	url    string
	cancel context.CancelFunc
}

// pushStart pushes the camera's main stream to url until it is told to end;
// a second order for the same camera replaces the first.
func (b *Box) pushStart(id, url string) error {
	cam, err := b.manager.find(id)
	if err != nil {
		return err
	}
	if st := cam.main.src.Stats(); st.State != edgev1.Online {
		return fmt.Errorf("点位没有画面：%s", orElse(st.Detail, string(st.State)))
	}
	b.pushes.begin(id, url, cam.main.src)
	return nil
}

func (p *pushes) begin(id, url string, src source.Pusher) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.on[id]; old != nil {
		if old.url == url {
			return
		}
		old.cancel()
	}
	ctx, cancel := context.WithCancel(context.Background())
	if p.on == nil {
		p.on = map[string]*push{}
	}
	me := &push{url: url, cancel: cancel}
	p.on[id] = me
	p.wg.Go(func() {
		defer cancel()
		for wait := 500 * time.Millisecond; ctx.Err() == nil; wait = min(2*wait, 5*time.Second) {
			err := src.Push(ctx, url)
			if ctx.Err() != nil {
				break
			}
			p.log.Warn("live push ended", "camera", id, "error", err)
			if !sleep(ctx, wait) {
				break
			}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.on[id] == me {
			delete(p.on, id)
		}
	})
}

func (p *pushes) end(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.on[id]; old != nil {
		old.cancel()
		delete(p.on, id)
	}
}

// stop ends all pushes and waits for them.
func (p *pushes) stop() {
	p.mu.Lock()
	for _, one := range p.on {
		one.cancel()
	}
	p.mu.Unlock()
	p.wg.Wait()
}
