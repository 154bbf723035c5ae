package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/outbox"
)

const configKey = "config"

// manager holds the running cameras against the desired state.
type manager struct {
	d   *deps
	ctx context.Context // of the box: cameras outlive the call that starts them

	apply sync.Mutex // one configuration at a time

	mu      sync.Mutex
	version int64
	cameras map[string]*camera
	broken  map[string]string // cameras that could not be started, with the reason
	order   []string
}

func newManager(ctx context.Context, d *deps) *manager {
	return &manager{d: d, ctx: ctx, cameras: map[string]*camera{}, broken: map[string]string{}}
}

// resume starts what was running before the restart, without the center.
func (m *manager) resume() error {
	b, err := m.d.store.State(m.ctx, configKey)
	if err != nil || b == nil {
		return err
	}
	var c edgev1.Config
	if err := json.Unmarshal(b, &c); err != nil {
		return fmt.Errorf("read the stored configuration: %w", err)
	}
	m.set(c)
	return nil
}

// configure takes a desired state from the center; an older or equal version
// is ignored, so that the order of delivery does not matter.
func (m *manager) configure(c edgev1.Config) error {
	m.mu.Lock()
	old := m.version
	m.mu.Unlock()
	if c.Version <= old {
		return nil
	}
	b, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode configuration: %w", err)
	}
	if _, err := m.d.store.Commit(m.ctx, outbox.Change{State: map[string][]byte{configKey: b}}); err != nil {
		return fmt.Errorf("store configuration %d: %w", c.Version, err)
	}
	m.set(c)
	return nil
}

// set starts, restarts and stops cameras; those that did not change are not
// touched.
func (m *manager) set(c edgev1.Config) {
	m.apply.Lock()
	defer m.apply.Unlock()
	want := map[string]edgev1.Camera{}
	var order []string
	for _, cam := range c.Cameras {
		if _, twice := want[cam.ID]; !twice {
			order = append(order, cam.ID)
		}
		want[cam.ID] = cam
	}
	for id, run := range m.running() {
		cam, ok := want[id]
		if ok && same(cam, run.cfg) {
			continue
		}
		run.stop()
		m.mu.Lock()
		delete(m.cameras, id)
		m.mu.Unlock()
		if !ok {
			m.forget(id)
		}
	}
	for _, id := range order {
		m.start(want[id], c.Version)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range m.broken {
		if _, ok := want[id]; !ok {
			delete(m.broken, id)
		}
	}
	m.version, m.order = c.Version, order
	for _, run := range m.cameras {
		run.clips.Limit(clipShare(len(m.cameras)))
	}
}

func (m *manager) start(cam edgev1.Camera, version int64) {
	m.mu.Lock()
	_, runs := m.cameras[cam.ID]
	m.mu.Unlock()
	if runs || cam.Disabled || m.ctx.Err() != nil {
		return
	}
	run, err := startCamera(m.ctx, m.d, cam, version)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.broken[cam.ID] = err.Error()
		m.d.log.Error("camera not started", "camera", cam.ID, "error", err)
		return
	}
	delete(m.broken, cam.ID)
	m.cameras[cam.ID] = run
}

// forget drops the states of a camera that was taken from the box.
func (m *manager) forget(id string) {
	state := map[string][]byte{}
	for _, k := range []string{"event", "picture", "still", "sign"} {
		state["camera/"+id+"/"+k] = nil
	}
	if _, err := m.d.store.Commit(m.ctx, outbox.Change{State: state}); err != nil {
		m.d.log.Warn("states of a removed camera stay", "camera", id, "error", err)
	}
}

// same tells whether two desired states of a camera are equal.
func same(a, b edgev1.Camera) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && slices.Equal(x, y)
}

// running is a copy of the map of running cameras.
func (m *manager) running() map[string]*camera {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string]*camera, len(m.cameras))
	for id, c := range m.cameras {
		out[id] = c
	}
	return out
}

// find gives a running camera, or why it does not run.
func (m *manager) find(id string) (*camera, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.cameras[id]; c != nil {
		return c, nil
	}
	if why, ok := m.broken[id]; ok {
		return nil, fmt.Errorf("点位没有启动：%s", why)
	}
	return nil, fmt.Errorf("这台边缘盒上没有点位 %s，请检查点位的边缘盒分配", id)
}

// stop ends all cameras.
func (m *manager) stop() {
	m.apply.Lock()
	defer m.apply.Unlock()
	var wg sync.WaitGroup
	for _, c := range m.running() {
		wg.Go(c.stop)
	}
	wg.Wait()
}
