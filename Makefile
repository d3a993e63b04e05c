# Whatever a target fetches lands in .tools, which git ignores.

GOLANGCI_LINT_VERSION := v2.15.0

tools := $(CURDIR)/.tools
golangci-lint := $(tools)/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint

BENCH ?= .
FUZZTIME ?= 10s

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

.PHONY: quick
quick: ## all tests, once and without the race detector
	go test ./...

.PHONY: test
test: servers ## all tests, with the race detector and in random order
	go test -race -shuffle=on -timeout 40m ./...

# servers is what the tests of drivers run against: each server is a file target below $(tools), pinned by version, that servers depends on.
.PHONY: servers
servers:

.PHONY: lint
lint: $(golangci-lint) ## formatting, go.mod, go vet, golangci-lint
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted:"; echo "$$unformatted"; exit 1; fi
	go mod tidy -diff
	go vet ./...
	$(golangci-lint) run

$(golangci-lint):
	GOBIN=$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

.PHONY: bench
bench: ## all benchmarks; BENCH=regexp chooses
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./...

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
cover: ## coverage of each function, in coverage.out, and the total
	go test -coverpkg=./... -coverprofile=coverage.out ./...
	go tool cover -func=coverage.out | tail -n 1

.PHONY: clean
clean: ## remove what the other targets made
	rm -rf $(tools) coverage.out
