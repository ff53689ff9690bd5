package simd

//go:generate go run -C gen . -out ../gemm_amd64.s -stubs ../gemm_amd64.go -pkg simd
