//go:build tools

// Package tools names the program that .ci/docker/compose-plugin builds.
package tools

import _ "github.com/docker/compose/v2/cmd"
