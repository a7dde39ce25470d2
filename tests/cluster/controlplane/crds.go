//go:build crds

// Package controlplane pins the module whose CRD files the test cluster installs; nothing here is built.
package controlplane

import _ "sigs.k8s.io/gateway-api/apis/v1"
