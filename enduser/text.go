package enduser

import "github.com/rollbook-go/rollbook/internal/fold"

// identifierFault returns the code of what is wrong with an identifier, "" if nothing is.
func identifierFault(s string) string { return faultCode(fold.Identifier(s)) }

// textFault returns the code of what is wrong with a line of text, "" if nothing is.
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
