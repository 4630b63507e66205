# hinomi's commands. `make demo` and `make test` are the two a newcomer needs.
SHELL      := /bin/bash
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT     ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
LDFLAGS    := -s -w -X hinomi/internal/app.Version=$(VERSION) -X hinomi/internal/app.Commit=$(COMMIT)
GOBUILD    := CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)'
# The versions of the tools that `make check` runs; Go fetches and caches them.
GOFUMPT    := go run mvdan.cc/gofumpt@v0.12.0
LINT       := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
DEMO_FLAGS ?=
FUZZTIME   ?= 30s

.PHONY: demo test check build build-arm64 lint fuzz bench clean

demo: build ## the whole line on the example organisation
	@bin/hinomi demo --examples examples $(DEMO_FLAGS)

build: ## one static binary for this machine
	@mkdir -p bin
	$(GOBUILD) -o bin/hinomi ./cmd/hinomi

build-arm64: ## the same for linux/arm64
	@mkdir -p bin
	GOOS=linux GOARCH=arm64 $(GOBUILD) -o bin/hinomi-linux-arm64 ./cmd/hinomi

test: ## everything, from a bare checkout; installs what it needs if it may
	@scripts/test-needs
	HINOMI_TEST_REQUIRE=all go test -timeout 18m ./...

check: ## what every commit passes
	@files=$$($(GOFUMPT) -l $$(git ls-files '*.go')); if [ -n "$$files" ]; then echo "gofumpt differs:"; echo "$$files"; exit 1; fi
	go vet ./...
	$(LINT) run ./...
	go test -race -timeout 40m ./...

lint:
	$(LINT) run ./...

fuzz: ## every fuzz target for FUZZTIME
	@scripts/fuzz $(FUZZTIME)

bench: build ## speed and memory, beside a peer (TRIVY=path) or the physical limit
	go test -run '^$$' -bench . -timeout 120m ./bench
	go test -run '^$$' -bench . -benchmem $$(go list ./... | grep -v '^hinomi/bench$$')

clean:
	rm -rf bin
