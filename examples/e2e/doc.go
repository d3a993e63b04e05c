// Package e2e proves that the examples work together as they are deployed: examples/service in two regions, one of them on Azure Blob Storage and the other one on S3, and examples/gdpr
// against it. It has nothing but tests, which build both commands and run them against Azurite and versitygw (see internal/testserver).
package e2e
