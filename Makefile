# What one does often. What a change must pass is .ci/run.

BASE ?= main
BENCH ?= .
COUNT ?= 6
FUZZTIME ?= 1m

.DEFAULT_GOAL := help
.PHONY: help build test lint generate bench fuzz deploy-check chaos

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## the programs, into bin/
	go build -o bin/ ./cmd/...

test: ## the tests of internal/ and cmd/; with a redis-server on PATH they use it
	go test ./internal/... ./cmd/...

lint: ## format, modules, vet, golangci-lint, workflows
	.ci/lint

generate: ## write the references in docs/ anew, from the code
	go generate ./...

bench: ## benchmarks against BASE=main, by benchstat; BENCH=regexp, COUNT=6
	.ci/bench '$(BASE)' '$(BENCH)' '$(COUNT)'

fuzz: ## every fuzz target in its turn, for FUZZTIME=1m; findings go into testdata/fuzz
	@grep -rEo '^func Fuzz[A-Za-z]+' --include='*_test.go' internal | sed 's|/[^/]*:func | |' | \
	while read -r dir target; do \
		echo "$$dir $$target"; \
		go test "./$$dir" -run '^$$' -fuzz "^$$target\$$" -fuzztime '$(FUZZTIME)' -parallel 2 </dev/null || exit 1; \
	done

deploy-check: ## what is in deploy/, each with the tool that knows it
	.ci/deploy

chaos: ## a minute in which everything breaks, 2,000 users
	go run ./test/chaos -users 2000 -duration 1m
