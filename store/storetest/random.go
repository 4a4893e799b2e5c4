package storetest

func randomChecks() []check { return nil }
