.DEFAULT_GOAL := help

help: ## Show this list.
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

build: ## Compile every module.
	go build work

test: ## Run every test.
	go test -shuffle=on work

.PHONY: help build test
