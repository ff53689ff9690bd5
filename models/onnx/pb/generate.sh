#!/bin/sh
# Writes onnx.pb.go from onnx.proto. It needs protoc: Debian's
# protobuf-compiler, or a virtual environment with grpcio-tools and
#   PROTOC="python -m grpc_tools.protoc" sh generate.sh
# The Go plugin is the version that go.mod names.
set -eu
cd "$(dirname "$0")/../../.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
go build -o "$tmp/protoc-gen-go" google.golang.org/protobuf/cmd/protoc-gen-go
# The path from the root makes the registered file name unique.
${PROTOC:-protoc} -I . --plugin="$tmp/protoc-gen-go" \
	--go_out=. --go_opt=paths=source_relative models/onnx/pb/onnx.proto
