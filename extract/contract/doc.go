// Package contract goes between a backbone's input contract and the spaces of
// its embeddings, both ways: [SpaceOf] says which space a tap's embeddings
// belong to, [Describe] reads what a space says, and [Recall] finds the
// backbone again, with the contract that a space records. A [Choice] is what a
// user may choose of a contract.
package contract
