// Package check holds the manifests of examples/deploy to the API types that a cluster decodes them into, and to the commands that they start. It is a module of its own, so that the library does not
// depend on Kubernetes.
package check
