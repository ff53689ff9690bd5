package main

// commands are headstart's commands in the order of the help.
func commands(e *env) []*command {
	return []*command{
		extractCommand(e),
		trainHeadCommand(e),
		evaluateCommand(e),
		predictCommand(e),
		studyCommand(e),
		exportCommand(e),
		preprocessCommand(e),
		inspectCommand(e),
		cacheCommand(e),
		modelsCommand(e),
		runtimeCommand(e),
		doctorCommand(e),
		completionCommand(e),
		referenceCommand(e),
	}
}
