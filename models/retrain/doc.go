// Package retrain trains the layers of a backbone that lie behind a cut.
package retrain
