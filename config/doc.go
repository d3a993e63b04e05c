// Package config opens the storage of a deployment from what is mounted into its pods: a document that mirrors the values of the product's Helm chart, a directory
// with access keys, a volume, and the file of tenants. It is the one package that chooses a driver, and so it links them all, with their SDKs; an application
// that wants one of them opens that driver itself.
//
// # Keys
//
// A [Config] holds no key, and neither does a URL: keys are in files, below SecretDirectory, as a Kubernetes secret or a CSI volume (Azure Key Vault) puts them there.
// The names of the files are not the product's, which publishes none, but this package's:
//
//	<region>.account-key         BlobStorage: a key of the storage account
//	<region>.access-key-id       S3: the pair of keys
//	<region>.secret-access-key
//
// [Region] can name others; under a URL the names have no region. White space around a key does not matter.
//
// The files are read again once a second at most, when there are requests, and whenever the service refuses a request, which is then sent once more if the files have another key
// by now. So a key can be rotated without a restart, and no request fails of it, in this order: make the second key valid; change the secret; wait until every pod
// has it mounted (the kubelet takes a minute or two); revoke the first key. Kubernetes swaps all files of a volume at once, by its link ..data, and they are read as they stood together. If they
// cannot be read, or one is empty or missing, the keys that were read before stay in use.
//
// Where the directory is not set or has no file for the region, the identity of the pod is used: [azidentity.DefaultAzureCredential] with workload identity, or the default
// chain of AWS with IRSA. These read the environment, as the HTTP client does for its proxy.
package config
