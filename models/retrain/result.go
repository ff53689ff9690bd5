package retrain

// Result is what Train found out.
type Result struct {
	// Weights holds the tensors that were trained, by their names in the file,
	// in the backbone's shapes, rounded to the types in which the file stores
	// them: what onnx.WriteBack takes.
	Weights map[string][]float32
	// Head belongs to Weights.
	Head Head
	// Logits holds those of training, validation and test with exactly these
	// weights, row-major n×C in the order of the parts.
	Logits [3][]float64
	// Epochs holds what was measured, of the start first.
	Epochs []Epoch
	// Best is the one of Epochs whose weights these are; 0: the start was never
	// beaten.
	Best int
	// Status tells why training ended: "epochs", "patience", "interrupted" or
	// "diverged".
	Status string
	// Problem tells where it diverged; "" if it did not.
	Problem string

	// Layout is that of the layers behind the cut in which it was trained,
	// "plain" or "blocked", LayoutReason why.
	Layout, LayoutReason string
	// BatchSize is the number of samples of a step, MicroBatch how many of them
	// each of the Replicas ran at once to fit in memory.
	BatchSize, MicroBatch, Replicas int
	// Memory is about how many bytes the training takes.
	Memory int64
	// Steps is how many steps were made in all, Resumed after how many of them
	// the training was resumed from a checkpoint; 0 if it was not.
	Steps, Resumed int
}

// Epoch is what was measured after an epoch.
type Epoch struct {
	Epoch   int     `json:"epoch"`    // 0 is the start
	Loss    float64 `json:"loss"`     // mean over the training rows, by their weights, while they were gone through; 0 of the start
	Score   float64 `json:"score"`    // of the validation rows, see Settings.Score
	LogLoss float64 `json:"log_loss"` // of the validation rows: mean of −ln p(label), with p at least 2⁻⁵²
	Seconds float64 `json:"seconds"`
}

// Head is a linear layer: logits = features·Weightᵀ + Bias.
type Head struct {
	Weight []float32 // C×D
	Bias   []float32 // C
}
