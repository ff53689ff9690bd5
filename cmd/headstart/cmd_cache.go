package main

func cacheCommand(e *env) *command {
	return &command{
		name: "cache",
		does: "looks after the store of embeddings",
		examples: []string{
			"headstart cache stat",
			"headstart cache verify --full",
			"headstart cache why photos/",
		},
		subcommands: []*command{
			cacheStatCommand(e), cacheVerifyCommand(e), cacheGCCommand(e), cacheMergeCommand(e), cacheCompactCommand(e),
			cacheExportCommand(e), cacheWhyCommand(e),
		},
	}
}
