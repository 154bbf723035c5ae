package infer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"jiexun/api/edgev1"
	"jiexun/api/modelv1"
)

// network is one loaded model with the queue of those who want to run it.
type network struct {
	rt         *Runtime
	m          modelv1.Manifest
	ref        edgev1.ModelRef
	dictionary []byte
	provider   string
	session    *ort.DynamicAdvancedSession
	buffers    sync.Pool // of *[]float32
	cost       counters

	mu      sync.Mutex
	closed  bool
	waiting []*job
	running int
	idle    sync.WaitGroup
}

// job is one picture that waits for its result.
type job struct {
	ctx    context.Context
	shape  []int64 // without the batch
	input  *[]float32
	since  time.Time
	result chan result
}

type result struct {
	outputs []tensor
	err     error
}

// tensor is one output for one picture; its shape has no batch dimension.
type tensor struct {
	shape []int64
	data  []float32
}

// open makes the session, on the GPU when that was asked for and works.
func (n *network) open(weights []byte) error {
	if n.rt.opts.Provider == ProviderCUDA {
		err := n.start(weights, ProviderCUDA)
		if err == nil {
			return nil
		}
		n.rt.opts.Log.Warn("the network runs on the cpu because cuda cannot be started", "model", n.m.Name, "reason", err.Error())
	}
	return n.start(weights, ProviderCPU)
}

func (n *network) start(weights []byte, provider string) error {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return fmt.Errorf("make session options: %w", err)
	}
	defer o.Destroy()
	set := []error{
		o.SetIntraOpNumThreads(n.rt.opts.Threads),
		o.SetInterOpNumThreads(1),
		o.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll),
		// A thread that spins while it waits steals time from the decoder.
		o.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"),
		o.SetLogSeverityLevel(ort.LoggingLevelError),
	}
	if provider == ProviderCUDA {
		set = append(set, useCUDA(o))
	}
	if err := errors.Join(set...); err != nil {
		return fmt.Errorf("set session options: %w", err)
	}
	outputs := make([]string, len(n.m.Outputs))
	for i, out := range n.m.Outputs {
		outputs[i] = out.Name
	}
	s, err := ort.NewDynamicAdvancedSessionWithONNXData(weights, []string{n.m.Input.Name}, outputs, o)
	if err != nil {
		return fmt.Errorf("load the network: %w", err)
	}
	n.session, n.provider = s, provider
	return nil
}

func useCUDA(o *ort.SessionOptions) error {
	c, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer c.Destroy()
	return o.AppendExecutionProviderCUDA(c)
}

// buffer lends a slice of n numbers, with old contents.
func (n *network) buffer(size int) *[]float32 {
	b, _ := n.buffers.Get().(*[]float32)
	if b == nil {
		b = new([]float32)
	}
	*b = slices.Grow((*b)[:0], size)[:size]
	return b
}

// run waits for its turn and gives the outputs for one input, in the order of
// the manifest. input must come from buffer and belongs to run afterwards.
func (n *network) run(ctx context.Context, input *[]float32, shape ...int) ([]tensor, error) {
	j := &job{ctx: ctx, input: input, since: n.rt.opts.Now(), result: make(chan result, 1)}
	for _, d := range shape {
		j.shape = append(j.shape, int64(d))
	}
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil, ErrClosed
	}
	n.waiting = append(n.waiting, j)
	n.cost.waiting.Add(1)
	if n.running < n.rt.opts.Parallel {
		n.running++
		n.idle.Add(1)
		go n.work()
	}
	n.mu.Unlock()
	select {
	case r := <-j.result:
		if r.err != nil {
			return nil, fmt.Errorf("run %s: %w", n.m.Name, r.err)
		}
		return r.outputs, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for %s: %w", n.m.Name, ctx.Err())
	}
}

// work serves the queue until it is empty. It takes its slot first, so that
// what arrives meanwhile can share the run.
func (n *network) work() {
	defer n.idle.Done()
	for {
		// The slots are never closed and the context never ends, so there
		// is no error to expect.
		if err := n.rt.slots.Acquire(context.Background(), 1); err != nil {
			return
		}
		batch := n.take()
		if len(batch) > 0 {
			n.serve(batch)
		}
		n.rt.slots.Release(1)
		if len(batch) == 0 {
			return
		}
	}
}

// take removes from the queue the first job and those of the same shape that
// may share its run. Jobs whose caller has gone are dropped. An empty answer
// ends the worker.
func (n *network) take() []*job {
	n.mu.Lock()
	defer n.mu.Unlock()
	limit := 1
	if n.m.Input.Batch {
		limit = n.rt.opts.MaxBatch
	}
	var batch, rest []*job
	for _, j := range n.waiting {
		switch {
		case j.ctx.Err() != nil:
			n.cost.cancelled.Add(1)
			n.leave(j)
			j.result <- result{err: j.ctx.Err()}
		case len(batch) == 0 || len(batch) < limit && slices.Equal(j.shape, batch[0].shape):
			batch = append(batch, j)
			n.leave(j)
		default:
			rest = append(rest, j)
		}
	}
	n.waiting = rest
	if len(batch) == 0 {
		n.running--
	}
	return batch
}

func (n *network) leave(j *job) {
	n.cost.waiting.Add(-1)
	n.cost.waitNanos.Add(int64(n.rt.opts.Now().Sub(j.since)))
}

// serve runs one batch and hands out the results.
func (n *network) serve(batch []*job) {
	start := n.rt.opts.Now()
	results, err := n.compute(batch)
	n.cost.runNanos.Add(int64(n.rt.opts.Now().Sub(start)))
	n.cost.runs.Add(1)
	n.cost.items.Add(int64(len(batch)))
	if err != nil {
		n.cost.failed.Add(int64(len(batch)))
	}
	for i, j := range batch {
		n.buffers.Put(j.input)
		if err != nil {
			j.result <- result{err: err}
			continue
		}
		j.result <- result{outputs: results[i]}
	}
}

func (n *network) compute(batch []*job) ([][]tensor, error) {
	data := *batch[0].input
	if len(batch) > 1 {
		joined := n.buffer(len(data) * len(batch))
		defer n.buffers.Put(joined)
		for i, j := range batch {
			copy((*joined)[i*len(data):], *j.input)
		}
		data = *joined
	}
	shape := append([]int64{int64(len(batch))}, batch[0].shape...)
	x, err := ort.NewTensor(ort.NewShape(shape...), data)
	if err != nil {
		return nil, fmt.Errorf("make the input: %w", err)
	}
	defer x.Destroy()
	ys := make([]ort.Value, len(n.m.Outputs))
	if err := n.session.Run([]ort.Value{x}, ys); err != nil {
		return nil, err
	}
	results := make([][]tensor, len(batch))
	for i, y := range ys {
		parts, perr := split(y, len(batch))
		if derr := y.Destroy(); perr == nil {
			perr = derr
		}
		if perr != nil {
			err = errors.Join(err, fmt.Errorf("output %s: %w", n.m.Outputs[i].Name, perr))
			continue
		}
		for k := range results {
			results[k] = append(results[k], parts[k])
		}
	}
	return results, err
}

// split cuts an output along the batch. The slices stay valid after y is
// destroyed: the binding copies outputs into Go memory.
func split(y ort.Value, batch int) ([]tensor, error) {
	t, ok := y.(*ort.Tensor[float32])
	if !ok {
		return nil, fmt.Errorf("holds no float numbers")
	}
	shape, data := t.GetShape(), t.GetData()
	if len(shape) < 1 || shape[0] != int64(batch) {
		return nil, fmt.Errorf("has shape %v for a batch of %d", shape, batch)
	}
	each := len(data) / batch
	parts := make([]tensor, batch)
	for i := range parts {
		parts[i] = tensor{shape: shape[1:], data: data[i*each : (i+1)*each]}
	}
	return parts, nil
}

// close refuses the jobs that wait, waits for the runs and frees the session.
func (n *network) close() error {
	n.mu.Lock()
	n.closed = true
	for _, j := range n.waiting {
		n.leave(j)
		j.result <- result{err: ErrClosed}
	}
	n.waiting = nil
	n.mu.Unlock()
	n.idle.Wait()
	if err := n.session.Destroy(); err != nil {
		return fmt.Errorf("free %s: %w", n.m.Name, err)
	}
	return nil
}
