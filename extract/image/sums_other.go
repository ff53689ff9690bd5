//go:build !amd64

package image

const vectors = false

func sumColumnsAVX2(dst, row *byte, first, end *int, k *uint64, n int)  {}
func sumRowsAVX2(dst, rows *byte, stride int, k *uint64, n, blocks int) {}
