package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// sources are the files of this package but its tests.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	files := map[string]*ast.File{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = f
	}
	return files
}

// The first thing that an export does is to defer contain: a panic must not get
// out of it.
func TestExportsContain(t *testing.T) {
	exports := 0
	for name, f := range sources(t) {
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(fn.Name.Name, "coffer_") {
				continue
			}
			exports++
			if fn.Doc == nil || fn.Doc.List[len(fn.Doc.List)-1].Text != "//export "+fn.Name.Name {
				t.Errorf("%s: %s is not exported under its name", name, fn.Name.Name)
			}
			if fn.Name.Name != "coffer_warm" && !contains(fn) {
				t.Errorf("%s: %s does not defer contain", name, fn.Name.Name)
			}
		}
	}
	if exports < 60 {
		t.Errorf("only %d exports", exports)
	}
}

// contains reports whether fn begins with "defer contain(&rv)", or that of an operation.
func contains(fn *ast.FuncDecl) bool {
	first, ok := fn.Body.List[0].(*ast.DeferStmt)
	if !ok {
		return false
	}
	switch called := first.Call.Fun.(type) {
	case *ast.Ident:
		return called.Name == "contain"
	case *ast.SelectorExpr:
		return called.Sel.Name == "contain"
	}
	return false
}
