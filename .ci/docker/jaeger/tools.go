//go:build tools

// Package tools names the program that .ci/docker/jaeger-image builds.
package tools

import _ "github.com/jaegertracing/jaeger/cmd/jaeger"
