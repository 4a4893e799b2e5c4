// Package before has the benchmarks of what is compared with an older revision of this
// module. They measure one side and one pass: the command table builds them against both
// trees and runs both in turns. So they use nothing that the older one does not have.
package before
