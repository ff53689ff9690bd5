# Each target needs nothing that an earlier one has to be remembered for.
GO        ?= go
FUZZTIME  ?= 10s
BIN       := bin/headstart
# The runtime library that is fetched once; its version stands in models/library.
RUNTIME   := lib/.fetched
# A Python with numpy, which reads the cache's segments in a test.
NUMPY     := lib/python/.fetched
# A Python with PyTorch, which is what steps of retraining are measured against
# and what exported folders are loaded with.
PEERS     := lib/peers/.fetched
# A Python with onnxruntime, which is what the command's start-up is measured against.
STARTUP   := lib/startup/.fetched
# Public learning curves, which those of a study are held to.
LCDB      := lib/lcdb.csv
# Everything that does not come to the runtime, which is called through cgo.
NOCGO     := $$(CGO_ENABLED=0 $(GO) list -e -f '{{.ImportPath}} {{join .Deps " "}}' ./... | grep -v -w headstart/models/runtime | cut -d' ' -f1)
# What runs arm64 programs; on Debian it is in the package qemu-user-static.
QEMU      ?= qemu-aarch64-static
# QEMU does not say at which address a mapped file ended, which these ask, nor
# does it map files of terabytes; and mutants are programs of their own, which
# try the tests, as packages of heads are, which the go command runs.
NOTARM64  := ^TestTruncatedWhile|^TestUnreadableIsNotQuarantined$$|^TestMutants$$|^TestAloneInGo$$|^TestHostileFiles$$/^sparse_files$$

# What takes more than two seconds as a program of this machine, and says
# little about another one.
QUICKLY   := ^TestSoftmaxOptima$$|^TestWorkIsLinear$$|^TestOutOfCore$$|^TestExportInBlocks$$|^TestFamilies$$|^TestGrowthIsBounded$$|^TestHostile$$|^TestComponents$$

ARM64     := CGO_ENABLED=0 GOARCH=arm64 QEMU=$(QEMU) $(GO) test -timeout 40m -exec "'$(CURDIR)/testdata/arm64.sh'"

.DEFAULT_GOAL := build
.PHONY: build runtime numpy demo pairs honest clients test lint test-nocgo test-arm64 test-arm64-quick test-elsewhere test-go-versions goinstall race fault fuzz bench startup bench-study bench-precision bench-rivals peers man dist dist-test image-test clean help

build: ## compile bin/headstart
	$(GO) build -trimpath -o $(BIN) ./cmd/headstart

runtime: $(RUNTIME) ## fetch the ONNX Runtime library into lib/ (once; by pip or npm)

$(RUNTIME): models/library/platform.go models/library/checksums.txt
	$(GO) run ./cmd/headstart runtime install --quiet --dir lib
	@touch $@

numpy: $(NUMPY) ## fetch numpy into lib/python (once; by python3 and its pip), for the test that reads segments with it

$(NUMPY): cache/testdata/requirements.txt
	rm -rf lib/python
	python3 -m venv --without-pip lib/python
	python3 -m pip install --quiet --disable-pip-version-check --only-binary=:all: \
	  --target "$$(lib/python/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" --requirement $<
	@touch $@

demo: build runtime ## set everything up and run the main job on real data
	sh testdata/demo.sh $(BIN)

pairs: build runtime ## make feature sets of a dozen sets of real texts and images in lib/pairs (by npm, pip, apt-get; 15 min once)
	python3 bench/pairs.py $(BIN) lib/pairs

clients: build runtime $(PEERS) ## compare what transformers.js (in Node and in Chromium), optimum, ONNX Runtime and hugot say with exported folders to headstart predict (needs npm, chromium, cargo; fetches the clients once by npm, pip and go)
	sh testdata/clients/run.sh $(BIN) lib/peers/bin/python

honest: pairs ## whether calibration, and averaging over strengths, lower the log-loss of held-out real data (20 min)
	python3 bench/calibration.py $(BIN) lib/pairs
	python3 bench/average.py $(BIN) lib/pairs

test: runtime ## run every test
	$(GO) vet ./...
	$(GO) test -timeout 20m ./...

lint: ## gofmt, comments at 80 columns, go vet, staticcheck, go mod tidy, generated assembly
	@bad=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$bad" ]; then echo "not gofmt-ed:"; echo "$$bad"; exit 1; fi
	$(GO) vet ./...
	$(GO) test -run '^TestCommentsAreWrapped$$' ./cmd/headstart
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff
	@sum() { cat head/internal/simd/*_amd64.s head/internal/simd/*_amd64.go | cksum; }; was=$$(sum); $(GO) generate ./head/internal/simd; \
	if [ "$$was" != "$$(sum)" ]; then echo "the assembly of head/internal/simd was not what its generator writes; go generate ./head/internal/simd has written it anew"; exit 1; fi

test-nocgo: ## build and test everything that needs no C compiler
	CGO_ENABLED=0 $(GO) test $(NOCGO)

test-arm64: ## build for arm64 what needs no C compiler, and test it in QEMU (10 to 20 min)
	@command -v $(QEMU) >/dev/null || { echo "there is no $(QEMU); on Debian: apt-get install qemu-user-static" >&2; exit 1; }
	$(ARM64) -skip '$(NOTARM64)' $(NOCGO)

test-arm64-quick: ## the same without what kills and breaks processes, and without what takes long: keys, pixels, tokens, formats, fits (3 to 6 min)
	@command -v $(QEMU) >/dev/null || { echo "there is no $(QEMU); on Debian: apt-get install qemu-user-static" >&2; exit 1; }
	$(ARM64) -skip '$(NOTARM64)|$(QUICKLY)' $$(echo $(NOCGO) | tr ' ' '\n' | grep -v -e '/headstart/cache$$' -e '/headstart/extract$$' -e '/head/experiment$$')
	$(ARM64) -run '^Test(KeyOf|Format|DocumentedExample|SpaceOfHalves|NewSpaceRefuses|Float16|Half|StatCacheOfOlder)|^Example' ./cache

test-elsewhere: runtime ## test in a folder with spaces and umlauts, without HOME, in another order, on one CPU
	sh testdata/elsewhere.sh

goinstall: runtime ## go install from a proxy that has this checkout, runtime install from a failing server, the main job (1 to 3 min)
	$(GO) run testdata/goinstall.go

test-go-versions: runtime ## train a head by a build with one version of Go, predict by one with another
	sh testdata/goversions.sh

race: runtime ## run every test under the race detector
	$(GO) test -timeout 40m -race ./...

fault: ## break the cache in every way that docs/cache-faults.md lists, and print the counts (≤ 15 min)
	cd cache && HEADSTART_FAULTS=full $(GO) test -count=1 -timeout 40m

fuzz: ## run each fuzz target for FUZZTIME (default 10s)
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$p || exit 1; \
	  done; \
	done

bench: build runtime $(STARTUP) ## print the figures that README and docs quote (about an hour)
	sh testdata/bench.sh $(BIN)

startup: build runtime $(STARTUP) ## put the command's start-up beside Python's onnxruntime (a part of make bench; fetches that once by pip)
	lib/startup/bin/python bench/startup.py

$(STARTUP): bench/startup-requirements.txt
	rm -rf lib/startup
	python3 -m venv --without-pip lib/startup
	python3 -m pip install --quiet --disable-pip-version-check --only-binary=:all: \
	  --target "$$(lib/startup/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" --requirement $<
	@touch $@

bench-study: $(LCDB) ## print how well public learning curves are extrapolated, with constants of other data sets, and how often advice is right (5 min; fetches the curves once, 68 MB, by pip; hours more after make pairs: studies of real sets)
	HEADSTART_CURVES=$(CURDIR)/$(LCDB) $(GO) test -count=1 -run XXX -bench '^BenchmarkPublicCurves$$' -benchtime 1x ./head/study
	$(GO) test -count=1 -run XXX -bench '^BenchmarkDepthAdvice$$' -benchtime 1x ./head/study
	if [ -d lib/pairs/cache ]; then HEADSTART_PAIRS=$(CURDIR)/lib/pairs $(GO) test -count=1 -timeout 10h -run XXX -bench '^BenchmarkStudyOnPairs$$' -benchtime 1x ./head/transfer && \
	$(GO) run ./testdata/smaller.go 128 lib/efficientnet-lite0-128 && python3 bench/depth.py $(BIN) lib/depth lib/pairs lib/efficientnet-lite0-128 && \
	HEADSTART_PAIRS=$(CURDIR)/lib/depth $(GO) test -count=1 -timeout 0 -run XXX -bench '^BenchmarkDepthOnPairs$$' -benchtime 1x ./head/transfer; else echo "make pairs makes the sets that studies are tried on, too (lib/pairs)"; fi

bench-precision: build runtime $(STARTUP) ## put exports of float16 and int8 weights beside those of float32: size, accuracy in pairs, speed (5 min)
	lib/startup/bin/python bench/precision.py $(BIN)

bench-rivals: build runtime pairs ## print how good the picks of study --against are with 200 samples; MOBILENET=FOLDER with MobileNetV2 1.4 of npm nsfwjs as model.onnx adds a candidate (an hour; fetches pictures once, 80 MB, by npm)
	python3 bench/rivals.py $(BIN) lib/rivals lib/pairs $(MOBILENET)
	HEADSTART_RIVALS=$(CURDIR)/lib/rivals $(GO) test -run XXX -bench '^BenchmarkRivals$$' -benchtime 1x -timeout 0 ./head/transfer

$(LCDB): bench/lcdb.py
	@mkdir -p $(@D)
	python3 $< $@

peers: build runtime $(PEERS) ## put decoding and extract of images beside Pillow's, extract of texts beside sentence-transformers', token ids beside tokenizers', products of matrices, and passes of fits, beside OpenBLAS's products, softmax heads beside scikit-learn's and PyTorch's, epochs of perceptrons beside PyTorch's, and a step of retraining beside PyTorch's (fetches PyTorch once, up to 6 GB, by pip)
	lib/peers/bin/python bench/images.py
	lib/peers/bin/python bench/photos.py $(BIN)
	lib/peers/bin/python bench/texts.py $(BIN)
	lib/peers/bin/python bench/tokens.py
	lib/peers/bin/python bench/gemm.py
	lib/peers/bin/python bench/pass.py
	lib/peers/bin/python bench/heads.py $(BIN)
	lib/peers/bin/python bench/mlp.py
	lib/peers/bin/python bench/words.py $(BIN)
	lib/peers/bin/python bench/peers.py

$(PEERS): bench/requirements.txt
	rm -rf lib/peers
	python3 -m venv --without-pip lib/peers
	python3 -m pip install --quiet --disable-pip-version-check --only-binary=:all: \
	  --target "$$(lib/peers/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" --requirement $<
	@touch $@

man: build ## write docs/reference.md and the man pages (dist/man1/) from the command's own help
	$(BIN) reference --out docs/reference.md
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} $(BIN) reference --man dist/man1

dist: $(RUNTIME) ## make the archive of a release for this platform, and SHA256SUMS, in dist/
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} $(GO) run ./deploy/dist -out dist

dist-test: $(RUNTIME) ## make that archive twice, compare the bytes, and work with what is in it alone (1 to 4 min)
	GO=$(GO) sh testdata/dist.sh

image-test: ## build deploy/Containerfile with podman, docker or buildah, and run the image
	sh testdata/image.sh

clean: ## remove what make made (bin/, lib/, demo/, dist/)
	rm -rf bin lib demo dist

help: ## this list
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/\1|\2/' | while IFS='|' read -r t d; do printf '  make %-14s %s\n' "$$t" "$$d"; done
