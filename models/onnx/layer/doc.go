// Package layer puts a head behind a tensor of a model: pooling, a linear layer
// and a softmax, as nodes of the operator set that the model has.
//
// With x the rows that Pooling makes of the features, the nodes compute
//
//	rows          = x, or each row of x divided by its Euclidean length, once for each of Post and Normalize
//	logits        = ((rows − center)·weightᵀ + bias) / temperature
//	probabilities = softmax(logits)
//
// Every node is one of operator sets 9 to 25.
package layer
