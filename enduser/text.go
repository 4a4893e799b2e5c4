package enduser

import "github.com/rollbook-go/rollbook/internal/fold"

// identifierFault returns the code of the violation in an identifier, "" if it is valid.
func identifierFault(s string) string { return faultCode(fold.Identifier(s)) }

// textFault returns the code of the violation in a line of text, "" if it is valid.
func textFault(s string) string { return faultCode(fold.Text(s)) }

func faultCode(f fold.Fault) string {
	switch f {
	case fold.NotUTF8:
		return CodeUTF8
	case fold.Character:
		return CodeCharacter
	case fold.Space:
		return CodeSpace
	default:
		return ""
	}
}
