# mcp-gateway. `make run` and `make test` set up everything they need.

SWIFT_RELEASE = swift build -c release --static-swift-stdlib --product mcp-gateway
GATEWAY = .build/release/mcp-gateway

.PHONY: run build test unit clients lint soak fuzz bench bench-compression bench-reconnect bench-slow-readers bench-viability bench-micro bench-webhook connections bench-operations memory profile durable clean packages help

help: ## this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 20

run: build ## build and start the gateway on its defaults
	@exec $(GATEWAY) serve $(ARGS)

build: ## build the release binary, .build/release/mcp-gateway
	@Scripts/packages build
	$(SWIFT_RELEASE)

test: lint unit clients ## everything: checks, Swift tests, real clients
	@Scripts/test-summary

unit: ## Swift tests
	@Scripts/packages build
	@mkdir -p .build
	swift build --build-tests
	set -o pipefail; swift test --skip-build --parallel 2>&1 | tee .build/unit.log

clients: ## real clients against the debug binary
	@Scripts/packages build clients
	@mkdir -p .build
	swift build --product mcp-gateway
	swift build --product embedded-gateway
	swift build --product audit-faults
	set -o pipefail; Tests/Clients/run $(PYTEST) 2>&1 | tee .build/clients.log

lint: ## format, import rules
	@Scripts/packages build
	swift format lint --strict --recursive Sources Tests Examples Fuzz/Targets Fuzz/Driver Package.swift
	Scripts/check-imports

soak: build ## Autobahn|Testsuite, 200 runs with faults, 100,000 seeds, vanishing MCP clients, rolling restarts, a million messages stored
	Tests/Autobahn/run
	@Scripts/packages build clients
	swift build --build-tests
	Tests/Clients/run --collect-only -qq >/dev/null
	MCP_GATEWAY_BIN=$(CURDIR)/$(GATEWAY) .build/clients-venv/bin/python Tests/Soak/run --runs 200
	.build/clients-venv/bin/python Tests/Soak/mcp-leaks
	MCP_GATEWAY_BIN=$(CURDIR)/$(GATEWAY) .build/clients-venv/bin/python Tests/Soak/rolling-restart
	MCP_SIMULATION_SEEDS=100000 swift test --skip-build --filter SimulationTests
	MCP_GATEWAY_BIN=$(CURDIR)/$(GATEWAY) .build/clients-venv/bin/python Tests/Soak/traffic
	MCP_STORE_MESSAGES=1000000 swift test --skip-build --filter SizeTests

fuzz: ## libFuzzer on what reads strangers' bytes; SECONDS=600 each, TARGET="frames json" for some
	@Scripts/packages build
	Fuzz/run $(or $(SECONDS),600) $(TARGET)

bench: build ## beside nchan: memory, fan-out, echo
	@Scripts/packages bench
	Benchmarks/compare --rounds 3

bench-compression: build ## deflate and gzip broadcasts beside plain ones, nchan, websockets
	@Scripts/packages bench
	Benchmarks/compression --rounds 3

bench-reconnect: build ## 10,000 clients come back after a restart
	@Scripts/packages bench
	Benchmarks/reconnect-storm

bench-micro: ## what single decisions cost: routing, ring, pool; time and allocations
	@Scripts/packages build
	MCP_MICRO=1 swift build -c release --product micro-benchmarks
	.build/release/micro-benchmarks

bench-webhook: build ## one webhook hangs: what other routes notice
	@Scripts/packages build clients
	@Tests/Clients/run --collect-only -qq >/dev/null
	.build/clients-venv/bin/python Benchmarks/slow-webhook

connections: build ## 19,000 connections on one process
	@Scripts/packages bench
	Benchmarks/connections-19000

bench-operations: build ## what operators ask of 19,000 connections, and a scrape
	@Scripts/packages bench
	Benchmarks/operations-19000

bench-slow-readers: build ## one in a hundred clients stops reading: what do the others notice
	@Scripts/packages bench
	Benchmarks/slow-readers

bench-viability: build ## the loops of the viable system, each on and off in turn; ARGS="--rounds 3" and others
	@Scripts/packages bench
	swift build -c release --static-swift-stdlib --product audit-faults
	Benchmarks/viability/all $(ARGS)

memory: build ## what an idle connection and its session consist of, byte by byte
	@Scripts/packages bench
	Benchmarks/memory-breakdown $(ARGS)

profile: build ## flame graph (SVG) of a loaded gateway; ARGS="--load fanout" and others
	@Scripts/packages bench
	@command -v perf >/dev/null || Scripts/packages profile
	Benchmarks/profile $(ARGS)

durable: build ## durable publishes beside bare SQLite
	@Scripts/packages bench
	Benchmarks/durable

clean:
	rm -rf .build

SHELL = /bin/bash
