package main

// commands are headstart's commands in the order of the help.
func commands(e *env) []*command {
	return []*command{
		extractCommand(e),
		cacheCommand(e),
		doctorCommand(e),
	}
}
