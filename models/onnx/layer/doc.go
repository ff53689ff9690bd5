// Package layer puts a head behind a tensor of a model: pooling, a linear layer
// and a softmax or another link, as nodes of the operator set that the model
// has.
//
// With x the rows that Pooling makes of the features, the nodes compute
//
//	rows          = x, or each row of x divided by its Euclidean length, once for each of Post and Normalize
//	logits        = ((rows − center)·weightᵀ + bias) / temperature
//	probabilities = softmax(logits)
//
// or, in place of the softmax, what another Link makes of the logits. With the
// link Identity the output is value, and there are neither logits nor
// probabilities.
//
// Every node is one of operator sets 9 to 25.
package layer
