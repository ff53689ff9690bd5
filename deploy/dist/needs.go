package main

import (
	"debug/elf"
	"fmt"
	"runtime"
	"strconv"
	"strings"
)

// needs says what a system must have to run these files, in a sentence. On
// Linux it is read from the files: the newest version of each system library
// whose functions they call.
func needs(files ...string) (string, error) {
	if runtime.GOOS == "darwin" {
		return "It needs macOS 14 or newer.", nil // of ONNX Runtime's wheel, macosx_14_0
	}
	newest := map[string]string{}
	for _, name := range files {
		f, err := elf.Open(name)
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		symbols, err := f.ImportedSymbols()
		f.Close()
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		for _, s := range symbols {
			if kind, version, ok := strings.Cut(s.Version, "_"); ok && later(version, newest[kind]) {
				newest[kind] = version
			}
		}
	}
	if newest["GLIBC"] == "" {
		return "", fmt.Errorf("%s: no version of glibc stands in them", strings.Join(files, ", "))
	}
	text := "It needs Linux with glibc " + newest["GLIBC"] + " or newer"
	if v := newest["GLIBCXX"]; v != "" {
		text += " and libstdc++ with GLIBCXX_" + v + " or newer (the package libstdc++6 or libstdc++)"
	}
	return text + "; not musl, so not Alpine.", nil
}

// later compares versions such as 2.34 and 3.4.9, number by number.
func later(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range x {
		m, err := strconv.Atoi(x[i])
		if err != nil {
			return false // GLIBC_PRIVATE is no version
		}
		n := -1
		if i < len(y) {
			if n, err = strconv.Atoi(y[i]); err != nil {
				n = -1
			}
		}
		if m != n {
			return m > n
		}
	}
	return false
}
