# Every task of a day's work. Versions of tools are pinned in tools/scripts.
.DEFAULT_GOAL := help
SHELL := /bin/bash
LOCAL ?= $(CURDIR)/.local
export JIEXUN_LOCAL := $(LOCAL)
export CGO_ENABLED ?= 1
S := tools/scripts

.PHONY: help demo setup build test check web web-test go-test e2e a11y ha lint eval bench loss soak fuzz clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: ## set up and run everything on this machine (CAMERA=rtsp://… adds a camera)
	@$(S)/setup.sh demo
	@exec $(S)/demo.sh

setup: ## install what is missing and fetch the model weights
	@$(S)/setup.sh test

build: ## build center, edge-agent, camsim and models into bin/
	@$(S)/build.sh

test: ## set up and pass every test (what CI runs)
	@$(S)/setup.sh test
	@$(S)/test.sh

go-test: ## Go tests with the race detector, SQLite and PostgreSQL
	@$(S)/test.sh go

web: ## build the console and the phone pages
	@$(S)/web.sh

web-test: ## type check, lint and unit tests of the web part
	@$(S)/test.sh web

e2e: ## the journey in headless Chromium
	@$(S)/test.sh e2e

a11y: ## axe on every page, in light and dark
	@E2E=a11y $(S)/test.sh e2e

ha: ## two centers on one PostgreSQL, killed in turn under load
	@$(S)/ha.sh

lint: ## golangci-lint, file and function sizes
	@$(S)/test.sh lint

eval: ## recognition on ../shared test material (not part of test)
	@$(S)/eval.sh

bench: ## Go benchmarks
	@go test -run '^$$' -bench . -benchmem ./...

loss: ## kill box, center and network 100 times and count events
	@$(S)/loss.sh 100

soak: ## 16 misbehaving cameras for ten minutes
	@$(S)/soak.sh 600

fuzz: ## every fuzz test for 20 seconds
	@$(S)/fuzz.sh 20s

clean: ## remove builds (keeps downloads)
	rm -rf bin center/web/dist/assets center/web/dist/index.html
