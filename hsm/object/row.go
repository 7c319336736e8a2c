package object

import (
	"strconv"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// row is one attribute of one class or key type.
type row struct {
	typ  ck.AttributeType
	kind kind
	rule rule
	def  *fallback // what it is when nobody says; nil: it is not there
}

func (r *row) is(f rule) bool { return r.rule&f != 0 }

// rule is a set of the standard's common footnotes (section 4.1.1, table
// "Common footnotes for object attribute tables") and a few of our own.
type rule uint32

const (
	mustCreate   rule = 1 << iota // 1: to be specified with C_CreateObject; every object has it, however made
	notCreate                     // 2: not to be specified with C_CreateObject
	mustGenerate                  // 3: to be specified when generated
	notGenerate                   // 4: not to be specified when generated, nor (it follows) when derived
	mustUnwrap                    // 5: to be specified with C_UnwrapKey
	notUnwrap                     // 6: not to be specified with C_UnwrapKey
	secretValue                   // 7: not revealed if sensitive or unextractable; kept in the Material
	mayModify                     // 8: C_SetAttributeValue and C_CopyObject may change it
	onlySO                        // 10: set to true by the security officer only
	onceTrue                      // 11: true is for ever
	onceFalse                     // 12: false is for ever
	mayCopy                       // C_CopyObject may change it, C_SetAttributeValue not
	restated                      // the mechanism may put it in another form than the template
	derivedValue                  // computed from the value: wrong is CKR_ATTRIBUTE_VALUE_INVALID, empty forgoes it

	never = notCreate | notGenerate | notUnwrap // only Coffer itself sets it
)

// required and forbidden are the rules that an origin enforces on a template.
var (
	required = [...]rule{
		Created:   mustCreate,
		Generated: mustCreate | mustGenerate,
		Unwrapped: mustCreate | mustUnwrap,
		Derived:   mustCreate,
		Agreed:    mustCreate,
	}
	forbidden = [...]rule{
		Created:   notCreate,
		Generated: notGenerate,
		Unwrapped: notUnwrap,
		Derived:   notGenerate,
		Agreed:    notGenerate,
	}
)

// kind is the type of an attribute's value.
type kind int

const (
	kindBytes kind = iota
	kindBool
	kindUlong
	kindUlongs   // an array of CK_ULONG
	kindDate     // CK_DATE, or empty
	kindTemplate // an array of CK_ATTRIBUTE
)

// fits reports whether a's value is of kind k, nested templates included;
// depth says how many levels of those are left.
func (k kind) fits(a *ck.Attribute, depth int) bool {
	if k == kindTemplate {
		return len(a.Value) == 0 && depth > 0 && templateFits(a.Nested, depth-1)
	}
	return a.Nested == nil && valueFits[k](a.Value)
}

// valueFits checks the bytes of a value.
var valueFits = [...]func([]byte) bool{
	kindBytes:  func([]byte) bool { return true },
	kindBool:   func(v []byte) bool { return len(v) == 1 && v[0] <= ck.CK_TRUE },
	kindUlong:  func(v []byte) bool { return len(v) == ck.UlongSize },
	kindUlongs: func(v []byte) bool { return len(v)%ck.UlongSize == 0 },
	kindDate:   isDate,
}

// isDate reports whether v is a CK_DATE (section 3.5): YYYYMMDD, or empty.
func isDate(v []byte) bool {
	if len(v) == 0 {
		return true
	}
	if len(v) != 8 {
		return false
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return false
		}
	}
	month, _ := strconv.Atoi(string(v[4:6]))
	day, _ := strconv.Atoi(string(v[6:8]))
	return month >= 1 && month <= 12 && day >= 1 && day <= 31
}

// templateFits checks a template that is the value of an attribute: known
// attributes only, each once, with values of their kinds, and no secret, which
// would be kept in the open.
func templateFits(nested []ck.Attribute, depth int) bool {
	seen := make(map[ck.AttributeType]bool, len(nested))
	for i := range nested {
		a := &nested[i]
		k, known := kinds[a.Type]
		if !known || seen[a.Type] || secretTypes[a.Type] || !k.fits(a, depth) {
			return false
		}
		seen[a.Type] = true
	}
	return true
}
