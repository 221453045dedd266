# The only entry point. Bare `make` lists the targets.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

VERSION      := 0.1.0
OS_ARCH      := $(shell go env GOOS)_$(shell go env GOARCH)
PLUGIN_DIR   := build/mirror/headwater.internal/platform/headwater/$(VERSION)/$(OS_ARCH)
PLUGIN       := $(PLUGIN_DIR)/terraform-provider-headwater_v$(VERSION)
# Same sources, same bytes: a rebuilt program that did not change restarts nothing.
GO_BUILD     := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'
# CI's tests run with the race detector (it needs a C compiler) and more schedules; make test must be quick.
RACE         ?=
# What go build -v prints, as a line each hundred packages; the rest as it is.
PACKAGES     := awk '/^[A-Za-z0-9._~\/-]+$$/ {if (++n % 100 == 0) {printf "  build        %d packages compiled\n", n; fflush()} next} {print; fflush()}'
LINT_VERSION := v2.15.0
LINT         := build/tools/golangci-lint-$(LINT_VERSION)
ACTIONLINT_VERSION := v1.7.12
ACTIONLINT   := build/tools/actionlint-$(ACTIONLINT_VERSION)
HEADWATER    := build/headwater
# KAFKA=apache: `make up` and `make test` on six real brokers and Apicurio (needs Java 17 and Maven).
KAFKA        ?=
AWS_TOOLS    := build/tools/aws
AWS_PACKAGES := 'moto[server]==5.2.5' awscli==1.46.3
SIM_RUNS     ?= 300
export HEADWATER_KAFKA      := $(KAFKA)
export HEADWATER_TEST_KAFKA := $(KAFKA)
# One platform of real brokers takes ten Java processes: its tests run one after the other.
FLOW         := $(if $(filter apache,$(KAFKA)),-timeout 40m -parallel 1,-timeout 9m -parallel 3)
PATIENT      := $(if $(filter apache,$(KAFKA)),40m)
# Finds the terraform that .terraform-version asks for, or fetches it.
TERRAFORM    := $(HEADWATER) terraform --
PROCESSORS   := $(addprefix ./,$(filter-out processors/internal,$(wildcard processors/*)))
# Tests that start the whole platform are in test/; the rest need no platform.
UNIT         := $(shell go list ./... 2>/dev/null | grep -v -e /test$$ -e /test/)

.PHONY: help apply images validate artifacts shellcheck test-bootstrap policy review workflows up down clean test chaos check build lint fmt fmt-check generate generate-check unit simulation flow autoscale survive modules plan bench bench-provider

help: ## show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: build ## start the local platform, apply environments/local, play the sample
	@$(HEADWATER) up

down: ## stop the local platform; its data stays
	@if [ -x $(HEADWATER) ]; then $(HEADWATER) down; else echo "nothing is running: there is no $(HEADWATER)"; fi

clean: down ## stop the local platform and remove its data
	@if [ -x $(HEADWATER) ]; then $(HEADWATER) clean; fi

plan: build $(if $(ENV),policy) ## show what would change, changing nothing; ENV=prod for a place on AWS, ROOT=cluster for one root of it
	@$(HEADWATER) plan $(ENV) $(if $(ROOT),--root $(ROOT)) $(PLAN)

apply: build policy ## bring a place on AWS to what its files say: ENV=dev, staging or prod; RUNNER=1 from outside its network
	@$(HEADWATER) apply $(if $(ENV),$(ENV),$(error say which place: make apply ENV=dev)) $(if $(RUNNER),--root cluster,$(if $(ROOT),--root $(ROOT))) $(APPLY)
	$(if $(RUNNER),@$(TERRAFORM) -chdir=build/places/$(ENV)/environments/$(ENV)/cluster output -json runner >build/runner.json)
	$(if $(RUNNER),@.github/run-platform build/runner.json $(ENV))

policy: ## the program that holds plans to policies/
	@mkdir -p build/bin
	@$(GO_BUILD) -o build/bin/ ./cmd/policy

validate: build ## terraform validate of each root of dev, staging and prod, without credentials
	@$(HEADWATER) validate

# The runner's image takes Terraform and the AWS provider from where validate left them.
RUNNER_PARTS  = --runner --providers build/places/staging/environments/staging/platform/.terraform/providers \
  --terraform "$$(find build/tools/terraform-$$(cat .terraform-version)/terraform -type f 2>/dev/null || command -v terraform)"

images: $(if $(RUNNER),build) ## OCI images of every program for amd64 and arm64 into build/images; RUNNER=1 the runner's too, PUSH=registry/prefix TAG=commit to push them
	@mkdir -p build/tools
	@go build -o build/tools/images ./cmd/images
	$(if $(RUNNER),@$(HEADWATER) validate staging)
	@build/tools/images --version $(VERSION) --start $(if $(PUSH),--push $(PUSH)) $(if $(TAG),--tag $(TAG)) $(if $(RUNNER),$(RUNNER_PARTS))

review: build ## what the working tree does to events, against origin/main (BASE=revision)
	@$(HEADWATER) review $(if $(BASE),--base $(BASE))

test: build ## every test that needs no more than Go and Terraform
	@$(MAKE) --no-print-directory modules unit simulation flow

unit: ## Go tests of everything but test/ (RACE=-race: with the race detector), and what an event allocates
	go test $(RACE) -timeout $(or $(PATIENT),12m) $(UNIT)
	go test -run 'TestAllocationsPerEvent' ./processors/...

simulation: ## random schedules of faults in simulated time (SIM_RUNS=300), and each failure mode
	HEADWATER_SIM_RUNS=$(SIM_RUNS) go test -tags synctests -timeout 20m -run 'TestSimulation|TestFailureMode' ./processors/internal/stream

flow: build ## the whole platform end to end, by terratest
	go test $(FLOW) ./test/
	go test -timeout $(or $(PATIENT),5m) ./test/chaos
	go test -timeout $(or $(PATIENT),6m) ./test/autoscale

chaos: build ## 500,000 events under 100 kills, stops and rebalances, both group protocols, against a model (7 minutes)
	HEADWATER_CHAOS_STALL=1 HEADWATER_CHAOS_EVENTS=500000 HEADWATER_CHAOS_FAULTS=100 go test -count=1 -timeout 30m -v ./test/chaos

autoscale: build ## tasks follow a load; utilization at exact loads (6 minutes)
	HEADWATER_TEST_AUTOSCALE=full go test -count=1 -timeout 20m -v ./test/autoscale

# What the fake cannot show, on Apache Kafka and Apicurio: CI's second platform. Packages share one cluster each and
# run one after the other; of test/ the two stories that nothing else tells; of survive what needs no restart of nodes.
.PHONY: real
real: build ## CI's tests on Apache Kafka and Apicurio (20 minutes; Java 17, Maven)
	HEADWATER_TEST_KAFKA=apache go test -count=1 -p 1 -timeout 30m ./internal/apache ./internal/cluster ./internal/kafkatest ./processors/internal/slot ./provider
	HEADWATER_TEST_KAFKA=apache go test -count=1 -p 1 -timeout 5m -run 'TestTasksWithoutNumberAndDisk|TestFromBrokersToCloudWatch' ./processors/internal/stream ./processors/capacity
	HEADWATER_KAFKA=apache HEADWATER_TEST_KAFKA=apache go test -count=1 -timeout 20m -parallel 1 -run 'TestFollowOneEvent|TestKillLosesNothing' ./test/
	HEADWATER_TEST_KAFKA=apache HEADWATER_SURVIVE_RATE=1000 go test -count=1 -timeout 20m -v -run 'TestChecker|TestSurvive/(all_passwords|the_active|the_checker)' ./test/survive

survive: build ## six real brokers are managed under load: nothing is lost, doubled or seen as an error (20 minutes; Java 17)
	HEADWATER_TEST_KAFKA=apache go test -count=1 -timeout 70m -v ./test/survive

# Modules of AWS need its provider, 700 MB, from the registry or from a mirror on this machine.
AWS_MODULES  := $(patsubst modules/%/terraform.tf,%,$(shell grep -l hashicorp/aws modules/*/terraform.tf))
OWN_MODULES  := $(filter-out $(AWS_MODULES),$(patsubst modules/%/terraform.tf,%,$(wildcard modules/*/terraform.tf)))
TEST_MODULES = @rm -rf build/$@ && mkdir -p build/$@ && cp -r modules/* build/$@ && find build/$@ -name .terraform -o -name .terraform.lock.hcl | xargs rm -rf; \
  for m in $(1); do echo "terraform test: modules/$$m"; \
  { $(TERRAFORM) -chdir=build/$@/$$m init -backend=false -input=false >/dev/null && $(TERRAFORM) -chdir=build/$@/$$m test; } || exit 1; done

modules: build ## terraform test of each module that needs our provider only
	$(call TEST_MODULES,$(OWN_MODULES))

.PHONY: modules-aws
modules-aws: build ## terraform test of the modules of AWS, on mocks (needs the AWS provider)
	$(call TEST_MODULES,$(AWS_MODULES))

artifacts: ## what Kafka's nodes on AWS run, by digest into build/artifacts; BUCKET=name uploads it (Python, Maven)
	@PATH="$(CURDIR)/$(AWS_TOOLS)/bin:$$PATH" modules/kafka_cluster/artifacts.sh $(BUCKET)

test-bootstrap: build artifacts $(AWS_TOOLS)/bin/aws ## nodes of Kafka boot from their user data, and find their disks or refuse (root, Java's and AWS's tools)
	@command -v mkfs.xfs >/dev/null || { apt-get update -qq && apt-get install -y -qq xfsprogs >/dev/null; }
	go test -count=1 -timeout 40m -v ./test/bootstrap

.PHONY: test-aws
test-aws: build policy $(AWS_TOOLS)/bin/aws ## staging whole, applied to an emulator of AWS with the real provider and real brokers (Python, Java, Maven; the AWS provider)
	go test -count=1 -timeout 20m -v ./test/aws

bench: build ## measure speed, latency, state and the peer (about 45 minutes; see docs/benchmarks.md)
	@go build -o build/tools/bench ./bench
	@build/tools/bench $(BENCH)

bench-provider: build ## measure the provider on a real cluster, near and 20 ms away; RIVAL=path measures another beside it
	@go build -o build/tools/bench-provider ./bench/provider
	@build/tools/bench-provider $(if $(RIVAL),--rival $(RIVAL)) $(BENCH)

check: fmt-check lint workflows generate-check ## everything CI runs, in its order
	@$(MAKE) --no-print-directory test SIM_RUNS=1000 RACE="$$(command -v gcc >/dev/null && echo -race)"
	@$(MAKE) --no-print-directory modules-aws test-aws chaos real

build: ## the programs into build/, the provider into build/mirror
	@mkdir -p build/bin $(PLUGIN_DIR)
	@if [ ! -x $(HEADWATER) ]; then echo "  build        the programs and the provider (one to three minutes, the first time)"; fi
	@$(GO_BUILD) -v -o build/bin/ ./cmd/headwater $(PROCESSORS) 2>&1 | $(PACKAGES)
	@ln -sf bin/headwater $(HEADWATER)
	@$(GO_BUILD) -v -o $(PLUGIN) ./provider 2>&1 | $(PACKAGES)

lint: $(LINT) shellcheck ## golangci-lint and shellcheck; the rules they cannot hold are tests in internal/lint
	$(LINT) run --allow-parallel-runners ./...

shellcheck: ## shellcheck over every script
	@command -v shellcheck >/dev/null || { apt-get update -qq && apt-get install -y -qq shellcheck >/dev/null; } || { echo "shellcheck is missing: install it (Debian: shellcheck)"; exit 1; }
	shellcheck $$(git grep -lIE '^#!/usr/bin/env bash$$' -- ':!*.go')

workflows: $(ACTIONLINT) ## actionlint over .github/workflows, after one that it must refuse
	@printf 'on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps: [{run: "echo $${{ github.nothing }}"}]\n' | $(ACTIONLINT) - >/dev/null && { echo "actionlint finds nothing in a workflow that is wrong"; exit 1; } || true
	$(ACTIONLINT) .github/workflows/*.yml

fmt: $(LINT) build ## format Go and Terraform
	$(LINT) fmt ./...
	$(TERRAFORM) fmt -recursive -list=true .

fmt-check: $(LINT) build ## fail when a file is not formatted
	@out=$$($(LINT) fmt --diff ./... || true); if [ -n "$$out" ]; then echo "$$out"; echo "run: make fmt"; exit 1; fi
	@$(TERRAFORM) fmt -recursive -check -diff . || { echo "run: make fmt"; exit 1; }

generate: build ## Go types of the schemas, owners of the code, pages of the provider
	go generate ./schemas/...
	@$(HEADWATER) codeowners
	@echo "writing the provider's pages"
	@cd provider && CHECKPOINT_DISABLE=1 PATH="$(CURDIR)/build/tools/terraform-$$(cat ../.terraform-version):$$PATH" \
	  go tool tfplugindocs generate --provider-name headwater >$(CURDIR)/build/tfplugindocs.log || { cat $(CURDIR)/build/tfplugindocs.log; exit 1; }

generate-check: generate ## fail when a generated file is not up to date
	@git diff --exit-code --stat -- schemas provider/docs .github/CODEOWNERS || { echo "generated files differ: commit what make generate wrote"; exit 1; }

$(LINT):
	@mkdir -p build/tools
	@echo "building golangci-lint $(LINT_VERSION) (about 3 minutes, once)"
	GOBIN=$(CURDIR)/build/tools go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@mv build/tools/golangci-lint $@

$(AWS_TOOLS)/bin/aws:
	@echo "installing AWS's command line and an emulator of AWS into $(AWS_TOOLS) (a minute, once)"
	@python3 -m venv $(AWS_TOOLS)
	@$(AWS_TOOLS)/bin/pip install --quiet --disable-pip-version-check $(AWS_PACKAGES)

$(ACTIONLINT):
	@mkdir -p build/tools
	@echo "building actionlint $(ACTIONLINT_VERSION)"
	GOBIN=$(CURDIR)/build/tools go install github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION)
	@mv build/tools/actionlint $@
