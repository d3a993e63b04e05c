// Package processtest proves with real processes that many of them can work on one storage, and that one which is killed loses
// nothing that it has acknowledged. It has nothing but tests: a storage that several processes can reach is a place with another kind.
package processtest
