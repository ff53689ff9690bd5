// Package cache keeps embeddings by content address in immutable, checksummed,
// mappable segments.
package cache
