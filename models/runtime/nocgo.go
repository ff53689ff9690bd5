//go:build !cgo && !windows

package runtime

// ONNX Runtime is called through cgo: install a C compiler and leave
// CGO_ENABLED at 1.
var _ = models_runtime_needs_cgo__install_a_C_compiler_and_set_CGO_ENABLED_1
