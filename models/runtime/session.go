//go:build cgo && !windows

package runtime

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/headstart-ml/headstart/models/tensor"
)

// ErrClosed is what calls on a closed library or session return.
var ErrClosed = errors.New("runtime: closed")

// Options are the settings of a session.
type Options struct {
	// Name stands for the model in errors. "" means "model".
	Name string

	// Inputs and Outputs are names of the graph's inputs and outputs, in the
	// order in which Run takes their tensors. Neither may be empty.
	Inputs, Outputs []string

	// Folder is where the model's external data lies. "" means that the model
	// has none.
	Folder string

	// Threads is how many threads one operator may use. 0 means 1.
	Threads int

	// Provider is what computes. "" means "cpu", the only one so far.
	Provider string
}

// Session is a model that is ready to run. Its methods may be called from
// many goroutines at a time.
type Session struct {
	name            string
	inputs, outputs []string
	mu              sync.RWMutex // held for reading by Run, for writing by Close
	s               *ort.DynamicAdvancedSession
}

// NewSession loads a model from the bytes of its ONNX file, which are not
// needed afterwards. The session keeps the library open; it does not matter
// which of the two is closed first.
func (l *Library) NewSession(model []byte, o *Options) (*Session, error) {
	if o == nil {
		o = new(Options)
	}
	s := &Session{
		name:    o.Name,
		inputs:  append([]string(nil), o.Inputs...),
		outputs: append([]string(nil), o.Outputs...),
	}
	if s.name == "" {
		s.name = "model"
	}
	if o.Provider != "" && o.Provider != "cpu" {
		return nil, fmt.Errorf("runtime: %s: provider %s is not supported by this version; cpu is", s.name, o.Provider)
	}
	if o.Threads < 0 {
		return nil, fmt.Errorf("runtime: %s: %d threads", s.name, o.Threads)
	}
	if len(s.inputs) == 0 || len(s.outputs) == 0 {
		return nil, fmt.Errorf("runtime: %s: no names of inputs or of outputs", s.name)
	}
	if len(model) == 0 {
		return nil, fmt.Errorf("runtime: %s: the model is empty", s.name)
	}
	if err := l.retain(); err != nil {
		return nil, err
	}
	var err error
	if s.s, err = newSession(model, o); err != nil {
		release()
		return nil, fmt.Errorf("runtime: %s: %w", s.name, plain(err))
	}
	return s, nil
}

func newSession(model []byte, o *Options) (*ort.DynamicAdvancedSession, error) {
	so, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer so.Destroy()
	if err := so.SetIntraOpNumThreads(max(o.Threads, 1)); err != nil {
		return nil, err
	}
	if err := so.SetInterOpNumThreads(1); err != nil {
		return nil, err
	}
	// With batches of many shapes the memory pattern, one block a shape, costs
	// a fifth more memory and saves no time.
	if err := so.SetMemPattern(false); err != nil {
		return nil, err
	}
	// Errors are returned; they need not be printed as well.
	if err := so.SetLogSeverityLevel(ort.LoggingLevelFatal); err != nil {
		return nil, err
	}
	if o.Folder != "" {
		// kOrtSessionOptionsModelExternalInitializersFileFolderPath of
		// onnxruntime_session_options_config_keys.h
		if err := so.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", o.Folder); err != nil {
			return nil, err
		}
	}
	return ort.NewDynamicAdvancedSessionWithONNXData(model, o.Inputs, o.Outputs, so)
}

// Run runs the model once. inputs and outputs belong to the names in Options,
// in their order; outputs must have the shapes that the model gives. When ctx
// ends, Run stops the model, waits for it and returns ctx's error.
func (s *Session) Run(ctx context.Context, inputs, outputs []tensor.View) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("runtime: %s: %w", s.name, err)
	}
	if len(inputs) != len(s.inputs) || len(outputs) != len(s.outputs) {
		return fmt.Errorf("runtime: %s: %d inputs and %d outputs, not %d and %d",
			s.name, len(inputs), len(outputs), len(s.inputs), len(s.outputs))
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.s == nil {
		return fmt.Errorf("%w: session of %s", ErrClosed, s.name)
	}

	// Wrapping the slices anew costs 0.4 µs a tensor (BenchmarkWrap), the
	// shortest Run of a backbone some milliseconds, and each batch may have a
	// shape of its own.
	var pin goruntime.Pinner
	defer pin.Unpin()
	in, err := values(inputs, s.inputs, &pin)
	defer destroy(in)
	if err != nil {
		return fmt.Errorf("runtime: %s: input %w", s.name, err)
	}
	out, err := values(outputs, s.outputs, &pin)
	defer destroy(out)
	if err != nil {
		return fmt.Errorf("runtime: %s: output %w", s.name, err)
	}

	ro, err := ort.NewRunOptions()
	if err != nil {
		return fmt.Errorf("runtime: %s: %w", s.name, plain(err))
	}
	defer ro.Destroy()
	terminated := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		ro.Terminate()
		close(terminated)
	})
	err = s.s.RunWithOptions(in, out, ro)
	if !stop() {
		<-terminated // ro must live until then
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("runtime: %s: %w", s.name, ctx.Err())
	}
	return fmt.Errorf("runtime: %s: %w", s.name, plain(err))
}

// Close waits for the Runs under way and frees the session. A second Close
// does nothing.
func (s *Session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.s == nil {
		return nil
	}
	err := errors.Join(s.s.Destroy(), release())
	s.s = nil
	return err
}

// values wraps the tensors ts. What it returns must be destroyed even if
// there is an error.
func values(ts []tensor.View, names []string, pin *goruntime.Pinner) ([]ort.Value, error) {
	vs := make([]ort.Value, 0, len(ts))
	for i := range ts {
		v, err := value(&ts[i], pin)
		if err != nil {
			return vs, fmt.Errorf("%s: %w", names[i], err)
		}
		vs = append(vs, v)
	}
	return vs, nil
}

func destroy(vs []ort.Value) {
	for _, v := range vs {
		v.Destroy() // never fails
	}
}
