# What to run is in CONTRIBUTING.md. Needs Go and make; `make test` and `make bench` also install
# Debian packages (e2e/install.sh).

SHELL := /bin/sh
.SHELLFLAGS := -euc
.DEFAULT_GOAL := build

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# Release binaries are static; race builds, which need cgo, are separate.
RELEASE = CGO_ENABLED=0 go build -trimpath -ldflags '-X main.version=$(VERSION)'
PROGRAMS = ./proxy/cmd/seraph-proxy ./webui/cmd/seraph-webui ./ctlproto/cmd/seraphctl

# Where a second goroutine can be at the same data. Parsers, templates and the compiled script
# are tested without the race detector, which costs them three times their time; so are the
# portal's pages, but for the live ones. test-all races everything.
RACE = ./ctlproto/... ./deploy/... \
	./proxy/internal/transport/... ./proxy/internal/txn/... ./proxy/internal/relay/... ./proxy/internal/ua/... \
	./proxy/internal/modules/... ./proxy/internal/control/... ./proxy/internal/daemon/... \
	./sql/store/... ./webui/internal/session/... ./webui/internal/mailer/... ./webui/internal/public/...

# What counts allocations says nothing under the race detector: files that it leaves out
# (go:build !race), all of whose tests are named so.
UNRACED = lloc|Cost

# What test-all does not do again on MariaDB: end-to-end tests that say themselves what they run
# on, and those whose router has nothing to keep. What is not named here runs on both.
OWN_ENGINE = AdminOverviewFaults|DeadDatabase|Demo|FirstMinute|Guide$$|Handbook|Journal|MissedWhileDatabase|RefusedRow|RegistrationSurvives|StoreWithDatabase|Story$$
NOTHING_KEPT = Conformance|DebianPackage|ExamplesCheck|Hostile|MarkedCalls|PingOfAHost|Relay|Screenshots|ScriptReload

# How long a package may take under the race detector: those of the whole portal take their time.
RACETIME ?= 4m
FUZZTIME ?= 60s
LINT = bin/tools/golangci-lint

.PHONY: build deb demo-build demo check fmt vet lint alone floors unit race test deps e2e test-all bench screenshots docs fuzz clean

build: ## bin/seraph-proxy, bin/seraph-webui, bin/seraphctl
	@mkdir -p bin
	$(RELEASE) -o bin/ $(PROGRAMS)

deb: build ## the Debian package of the three programs, in bin/
	deploy/debian/build.sh bin '$(VERSION)' bin

demo-build: build
	@$(RELEASE) -o bin/seraph-demo ./deploy/demo

# The demo ends its children when it gets SIGINT or SIGTERM; make passes SIGTERM on.
demo: demo-build ## the three programs and two phones on this machine, until Ctrl-C
	@exec bin/seraph-demo -bin bin

check: fmt vet lint alone floors unit race ## format, lint, unit tests, race detector

fmt:
	@bad=$$(gofmt -l .); if [ -n "$$bad" ]; then echo "make fmt: gofmt would change:" $$bad >&2; exit 1; fi

vet:
	go vet ./...
	cd e2e && go vet ./...

$(LINT): tools/go.mod tools/go.sum
	@mkdir -p $(@D)
	cd tools && GOWORK=off go build -o ../$(LINT) github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $(LINT)

lint: $(LINT)
	$(LINT) run ./... ./e2e/...

# The product builds without the workspace, as a module that somebody else requires would.
alone:
	GOWORK=off CGO_ENABLED=0 go build ./...

floors:
	go test -count=1 -run 'Floor|Rule' .

# Each test runs once: those of the packages in RACE, but what UNRACED says, run under "race".
unit:
	SERAPH_STORE_ENGINES=sqlite go test -timeout 4m $$(go list ./... | grep -vxF "$$(go list $(RACE))")
	SERAPH_STORE_ENGINES=sqlite go test -timeout 4m -run '$(UNRACED)' $(RACE)

race:
	@command -v $${CC:-gcc} >/dev/null || { echo "make race: needs a C compiler: apt-get install gcc libc6-dev" >&2; exit 1; }
	CGO_ENABLED=1 SERAPH_STORE_ENGINES=sqlite go test -race -timeout $(RACETIME) $(RACE)
	CGO_ENABLED=1 go test -race -timeout 4m -run 'Live|Events|Stream|Hang|Deleted' ./webui/internal/user

deps: ## the Debian packages of the tests
	@e2e/install.sh

test: deps ## what CI runs: check, the store on both engines, end to end
	@$(MAKE) check
	SERAPH_STORE_ENGINES=mysql go test -count=1 -timeout 5m ./sql/... # check had SQLite
	@$(MAKE) e2e

# One package after the other: each scenario has the machine for itself.
e2e: build
	cd e2e && go test -count=1 -p 1 -timeout 20m ./...

test-all: deps ## everything, on both engines, with loss, long runs and faults
	@$(MAKE) check
	@$(MAKE) race RACE=./... RACETIME=20m
	SERAPH_STORE_ENGINES=sqlite,mysql go test -count=1 -timeout 10m ./...
	@$(MAKE) build
	cd e2e && SERAPH_E2E=all SERAPH_E2E_ENGINE=sqlite go test -count=1 -p 1 -timeout 120m ./...
	cd e2e && SERAPH_E2E=all SERAPH_E2E_ENGINE=mariadb go test -count=1 -timeout 120m -skip '^Test($(OWN_ENGINE)|$(NOTHING_KEPT))' .
	@$(MAKE) fuzz

bench: build ## calls and registrations beside Kamailio; the last lines are the ratios
	@e2e/install.sh sip-tester kamailio kamailio-sqlite-modules
	cd e2e && go run ./bench

screenshots: deps build ## docs/screenshots: all pages of the site map, both themes, 390 and 1280 px
	rm -rf docs/screenshots
	cd e2e && SERAPH_E2E_SCREENSHOTS=$(CURDIR)/docs/screenshots go test -count=1 -run '^TestScreenshots$$' .

docs: ## docs/modules.md, from what the modules register
	go test -count=1 -run '^TestModuleIndexIsUpToDate$$' ./proxy/internal/modules -write-index

# Every `func FuzzX` of both modules, one after the other.
fuzz: ## FUZZTIME (60s) of each fuzz target
	@grep -rno --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | while IFS=: read -r file _ decl; do \
		name=$${decl#func }; dir=$${file%/*}; \
		echo "fuzz $$dir $$name $(FUZZTIME)"; \
		(cd "$$dir" && go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) . </dev/null) || exit 1; \
	done

clean:
	rm -rf bin
