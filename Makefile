# Everything a contributor runs. `make` alone lists it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/cohortflow/cohortflow/pkg/config.version=$(VERSION)
COMMANDS := $(wildcard services/*/cmd/*)
# Every module of the workspace: the linter knows no pattern for them all.
MODULES = $(shell go list -m -f '{{.Dir}}')
TOOLS := bin/tools
FUZZTIME ?= 20s
BENCHTIME ?= 200ms
CASES ?= 5000000
SEEDS ?= 1000000
FROM ?= 0
CHECKS ?= 100000
# One package at a time for each of two cores: suites that start a broker need the room.
TESTFLAGS ?= -race -shuffle=on -timeout 40m -p 2

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## Build every command into bin/
	@for dir in $(COMMANDS); do \
		echo "bin/$$(basename $$dir)"; \
		CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./$$dir; \
	done

.PHONY: demo
demo: ## Play a shopping day through everything in one process (ARGS=--exit stops after it)
	@go run ./test/demo $(ARGS)

.PHONY: setup
setup: ## Get the real parts for the full suite: Kafka, Redis, official clients
	@tools/setup-real.sh

# On a laptop a missing part costs its tests, and the end says which; with CI=true it is an error.
.PHONY: test
test: $(TOOLS)/gotestsum ## Run every test of every module, on embedded and on real parts
	@if ! tools/setup-real.sh; then \
		if [ "$${CI:-}" = true ]; then echo "make test: CI needs every real part" >&2; exit 1; fi; \
		echo "make test: going on without the parts named above; their tests are skipped. 'make setup' tries again."; \
	fi
	@$(TOOLS)/gotestsum --format standard-quiet -- $(TESTFLAGS) work
	@echo "make test: $(CHECKS) random catalogues and histories, the engine against the naive evaluator"
	@go test -count=1 ./pkg/cohort -run '^TestFold_EqualsNaiveEvaluator$$' -rapid.checks=$(CHECKS)

.PHONY: e2e
e2e: ## Run only the end-to-end suites in test/
	@tools/setup-real.sh || [ "$${CI:-}" != true ]
	go test -race -shuffle=on -count=1 -timeout 40m ./test/...

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (20s)
	@grep -rlE --include='*_test.go' '^func Fuzz' pkg schemas services test | xargs -n1 dirname | sort -u | while read -r dir; do \
		grep -hoE '^func Fuzz[A-Za-z0-9_]*' $$dir/*_test.go | cut -d' ' -f2 | while read -r name; do \
			echo "== $$dir $$name"; \
			go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s ./$$dir </dev/null; \
		done; \
	done

.PHONY: mutants
mutants: ## Change one rule of the core at a time and show which test notices (MUTANTARGS, --only REGEXP)
	@go run ./test/mutants $(MUTANTARGS)

# In the background: nohup nice make campaign >campaign.log 2>&1 &
.PHONY: campaign
campaign: ## Try the core's properties on CASES (5000000) random cases, with progress every minute (CAMPAIGNARGS, --only REGEXP)
	@go run ./test/campaign --cases $(CASES) $(CAMPAIGNARGS, --only REGEXP)

# Each seed is one run; FROM goes on where another campaign has stopped.
.PHONY: sim
sim: ## Simulate owners, broker, store, group, network and clocks with every fault for SEEDS (1000000) seeds (FROM)
	@go run ./test/sim -seeds $(SEEDS) -from $(FROM)

# In the background: nohup nice make kills SEEDS=5 >kills.log 2>&1 &. One that was stopped goes on where it was.
.PHONY: kills
kills: SEEDS = 5
kills: ## Kill every service at every durable step, SEEDS times over (5), and judge what is left (KILLARGS)
	@tools/setup-real.sh kafka redis
	@go run ./test/kill --seeds $(SEEDS) $(KILLARGS)

.PHONY: bench
bench: ## Measure: micro-benchmarks of BENCHTIME (200ms) each, then the pipeline (BENCHARGS to test/bench)
	@go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) -p 1 $(addsuffix /...,$(filter-out %/test,$(MODULES))) \
		| grep -vE '^(PASS|goos|goarch|cpu|\?|ok)'
	@if tools/setup-real.sh kafka redis; then go run ./test/bench $(BENCHARGS); \
		else echo "make bench: on embedded parts only, for lack of the parts named above"; go run ./test/bench --on embedded $(BENCHARGS); fi

.PHONY: check
check: fmt-check lint lattice-check vet tidy-check sync-check deploy-check secrets vuln ## Everything a review expects besides the tests

.PHONY: fmt
fmt: $(TOOLS)/golangci-lint ## Format the Go code
	@$(TOOLS)/golangci-lint fmt $(MODULES)

.PHONY: fmt-check
fmt-check: $(TOOLS)/golangci-lint ## Fail when the Go code is not formatted
	@$(TOOLS)/golangci-lint fmt --diff $(MODULES)

.PHONY: lint
lint: $(TOOLS)/golangci-lint ## Lint, with the import lattice
	@$(TOOLS)/golangci-lint run --allow-parallel-runners $(addsuffix /...,$(MODULES))

.PHONY: lattice-check
lattice-check: $(TOOLS)/golangci-lint ## Prove that the lint rules refuse what the import lattice forbids
	@PATH="$(CURDIR)/$(TOOLS):$$PATH" tools/check-lattice.sh

.PHONY: vet
vet: ## go vet over all modules
	@go vet work

.PHONY: vuln
vuln: $(TOOLS)/govulncheck ## Look for known vulnerabilities in what the code reaches (needs the network)
	@PATH="$(CURDIR)/$(TOOLS):$$PATH" tools/check-vulnerabilities.sh $(MODULES)

.PHONY: secrets
secrets: $(TOOLS)/gitleaks ## Look for secrets in the whole history and in what is not committed yet
	@PATH="$(CURDIR)/$(TOOLS):$$PATH" tools/check-secrets.sh

.PHONY: release
release: build $(TOOLS)/cyclonedx-gomod ## Build every command, with a bill of materials and a checksum beside each in bin/
	@PATH="$(CURDIR)/$(TOOLS):$$PATH" VERSION="$(VERSION)" tools/release-materials.sh bin $(notdir $(COMMANDS))

.PHONY: tidy
tidy: ## Tidy every go.mod and level the versions of the workspace
	@for dir in $(MODULES); do (cd $$dir && GOWORK=off go mod tidy); done
	@go work sync
	@for dir in tools/go tools/go/helm tools/go/security; do (cd $$dir && GOWORK=off go mod tidy); done

.PHONY: tidy-check
tidy-check: ## Fail when a go.mod is not tidy
	@for dir in $(MODULES); do (cd $$dir && GOWORK=off go mod tidy -diff); done

.PHONY: sync-check
sync-check: ## Fail when two modules ask for different versions of a library
	@tools/check-sync.sh

.PHONY: deploy-check
deploy-check: $(TOOLS)/compose $(TOOLS)/kubeconform $(TOOLS)/helm ## Validate compose, chart, rules and dashboards
	@PATH="$(CURDIR)/$(TOOLS):$$PATH" tools/check-deploy.sh

.PHONY: image
image: ## Build the container images (needs Docker)
	@for dir in $(COMMANDS); do \
		docker build -f deploy/images/Dockerfile --build-arg SERVICE=$$(basename $$(dirname $$(dirname $$dir))) \
			--build-arg VERSION=$(VERSION) -t $$(basename $$dir):$(VERSION) .; \
	done

# The secret of this machine's containers; losing it makes known people strangers to them.
ENVFILE := build/compose.env
$(ENVFILE):
	@mkdir -p $(@D)
	@umask 077 && printf 'COHORTFLOW_SEAL_SECRET=%s\nCOHORTFLOW_INGEST_KEY=%s\nCOHORTFLOW_CONSOLE_KEYS=%s\n' \
		"$$(openssl rand -hex 32)" "$$(openssl rand -hex 16)" "$$(openssl rand -hex 16)" >$@

.PHONY: up
up: $(ENVFILE) ## Start everything in containers (needs Docker)
	docker compose --env-file $(ENVFILE) up --build --wait

.PHONY: down
down: $(ENVFILE) ## Stop the containers and keep their data
	docker compose --env-file $(ENVFILE) down

# Tools are built from pinned modules outside the workspace, so that no tool's dependency
# ever moves one of the product's.
$(TOOLS)/helm: tools/go/helm/go.mod
	@mkdir -p $(TOOLS)
	cd tools/go/helm && GOWORK=off go build -o $(CURDIR)/$@ helm.sh/helm/v4/cmd/helm
SECURITY := $(TOOLS)/gitleaks $(TOOLS)/cyclonedx-gomod
$(SECURITY): tools/go/security/go.mod
	@mkdir -p $(TOOLS)
	cd tools/go/security && GOWORK=off go build -o $(CURDIR)/$@ $(PACKAGE)
$(TOOLS)/gitleaks: PACKAGE := github.com/zricethezav/gitleaks/v8
$(TOOLS)/cyclonedx-gomod: PACKAGE := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
$(TOOLS)/golangci-lint: PACKAGE := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(TOOLS)/gotestsum: PACKAGE := gotest.tools/gotestsum
$(TOOLS)/govulncheck: PACKAGE := golang.org/x/vuln/cmd/govulncheck
$(TOOLS)/kubeconform: PACKAGE := github.com/yannh/kubeconform/cmd/kubeconform
$(TOOLS)/benchstat: PACKAGE := golang.org/x/perf/cmd/benchstat
$(TOOLS)/gofumpt: PACKAGE := mvdan.cc/gofumpt
$(TOOLS)/compose: PACKAGE := github.com/compose-spec/compose-go/v2/cmd
$(TOOLS)/%: tools/go/go.mod
	@mkdir -p $(TOOLS)
	cd tools/go && GOWORK=off go build -o $(CURDIR)/$@ $(PACKAGE)
