# Whatever a target fetches lands in .tools, which git ignores.

GOLANGCI_LINT_VERSION := v2.15.0
VERSITYGW_VERSION := v1.8.0
# Azurite's version is pinned, with all that it needs, in internal/testserver/azurite.

tools := $(CURDIR)/.tools
golangci-lint := $(tools)/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint
versitygw := $(tools)/versitygw-$(VERSITYGW_VERSION)/versitygw
azurite := $(tools)/azurite/node_modules/azurite/dist/src/blob/main.js
testserver := $(tools)/testserver

# What drives the browser; the browser itself, chromium, comes with the system. The lock file is in the name, so that another one is another directory.
browser := $(tools)/browser-$(firstword $(shell cksum <internal/testserver/browser/package-lock.json))

# beside runs a command while the servers run that tests of drivers need, and says where the browser's driver is.
beside := VOICEMAIL_TEST_BROWSER=$(browser) $(testserver) -azurite $(azurite) -versitygw $(versitygw) --

BENCH ?= .
PKG ?= ./...
FUZZTIME ?= 10s

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

.PHONY: quick
quick: ## the tests that need no server, once and without the race detector
	go test ./...

.PHONY: test
# The explorations of interleavings run once more without the race detector, under which they are a sample only.
test: servers ## all tests, with the race detector and in random order; PKG=./storage/... chooses
	$(beside) go test -race -shuffle=on -timeout 60m $(PKG)
	$(if $(filter ./...,$(PKG)),go test -timeout 40m -run '^TestEvery' .)
	$(if $(filter ./...,$(PKG)),$(MAKE) manifests)

.PHONY: manifests
manifests: ## what examples/deploy applies, against the types of the API and the commands that it starts
	cd examples/deploy/check && go vet . && go test .

.PHONY: servers
servers: $(azurite) $(versitygw) $(browser) ## fetch and build what runs the servers
	go build -o $(testserver) ./internal/testserver/run

$(versitygw):
	GOBIN=$(@D) go install github.com/versity/versitygw/cmd/versitygw@$(VERSITYGW_VERSION)

# npm checks each package against the hash in the lock file. touch comes last, so that an install that was cut off is done anew.
$(azurite): internal/testserver/azurite/package.json internal/testserver/azurite/package-lock.json
	mkdir -p $(tools)/azurite
	cp $^ $(tools)/azurite
	npm ci --prefix $(tools)/azurite --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

$(browser):
	rm -rf $@.part && mkdir -p $@.part
	cp internal/testserver/browser/*.json $@.part
	cd $@.part && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	mv $@.part $@

.PHONY: lint
lint: $(golangci-lint) ## formatting, go.mod, go vet, golangci-lint
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted:"; echo "$$unformatted"; exit 1; fi
	go mod tidy -diff
	go vet ./...
	$(golangci-lint) run

$(golangci-lint):
	GOBIN=$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

.PHONY: bench
bench: servers ## all benchmarks; BENCH=regexp chooses
	$(beside) go test -run '^$$' -bench '$(BENCH)' -benchmem ./...

.PHONY: benchclouds
benchclouds: servers ## the cloud drivers beside the SDKs and other libraries, in ratios; BENCH=regexp chooses
	cd internal/benchmarks && $(beside) go test -run '^$$' -bench '$(BENCH)' -benchtime 25x -timeout 30m

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME
	@set -e; packages=$$(go list ./...); for pkg in $$packages; do \
		names=$$(go test -list '^Fuzz' "$$pkg"); \
		for target in $$(echo "$$names" | grep '^Fuzz' || true); do \
			echo "$$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$pkg"; \
		done; \
	done

.PHONY: cover
cover: servers ## coverage of each function, in coverage.out, and the total
	$(beside) go test -coverpkg=./... -coverprofile=coverage.out ./...
	go tool cover -func=coverage.out | tail -n 1

.PHONY: clean
clean: ## remove what the other targets made
	rm -rf $(tools) coverage.out
