package sqlite_test

func writeUntilKilled() {}
