package view

import (
	"errors"
	"fmt"
	"html/template"
	"io"
	"strings"
	"text/template/parse"

	"seraph/webui/internal/assets"
)

// check finds what would otherwise fail before a reader's eyes: pages without
// their main part, names of parts, texts, icons and files that do not exist, and
// what html/template cannot escape.
func (e *edition) check(files *assets.Set) error {
	var faults []error
	for name, page := range e.pages {
		if page.Lookup("main") == nil {
			faults = append(faults, fmt.Errorf("page %s does not define main", name))
			continue
		}
		faults = append(faults, e.checkSet(name, page, files)...)
	}
	return errors.Join(faults...)
}

func (e *edition) checkSet(name string, t *template.Template, files *assets.Set) []error {
	var faults []error
	for _, part := range t.Templates() {
		if part.Tree == nil || part.Tree.Root == nil {
			continue
		}
		c := checker{texts: e.texts, files: files, all: t}
		c.walk(part.Tree.Root)
		for _, fault := range c.faults {
			faults = append(faults, fmt.Errorf("template %s, part %s: %s", name, part.Name(), fault))
		}
	}
	if len(faults) > 0 {
		return faults
	}
	clone, err := t.Clone()
	if err != nil {
		return []error{err}
	}
	// Escaping happens before anything is executed; that it then lacks its data is expected.
	var escape *template.Error
	if err := clone.ExecuteTemplate(io.Discard, "layout", nil); errors.As(err, &escape) {
		return []error{escape}
	}
	return nil
}

// checker walks the tree of one template.
type checker struct {
	texts  *Texts
	files  *assets.Set
	all    *template.Template
	faults []string
}

func (c *checker) walk(node parse.Node) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, child := range n.Nodes {
				c.walk(child)
			}
		}
	case *parse.ActionNode:
		c.pipe(n.Pipe)
	case *parse.IfNode:
		c.branch(&n.BranchNode)
	case *parse.RangeNode:
		c.branch(&n.BranchNode)
	case *parse.WithNode:
		c.branch(&n.BranchNode)
	case *parse.TemplateNode:
		if c.all.Lookup(n.Name) == nil {
			c.fault("there is no part %q", n.Name)
		}
		c.pipe(n.Pipe)
	}
}

func (c *checker) branch(n *parse.BranchNode) {
	c.pipe(n.Pipe)
	c.walk(n.List)
	c.walk(n.ElseList)
}

func (c *checker) pipe(p *parse.PipeNode) {
	if p == nil {
		return
	}
	for _, cmd := range p.Cmds {
		for _, arg := range cmd.Args {
			if inner, ok := arg.(*parse.PipeNode); ok {
				c.pipe(inner)
			}
		}
		c.call(cmd.Args)
	}
}

// call checks the constant arguments of our functions.
func (c *checker) call(args []parse.Node) {
	name, ok := args[0].(*parse.IdentifierNode)
	if !ok || len(args) < 2 {
		return
	}
	switch name.Ident {
	case "t", "count":
		c.text(constant(args[1]))
	case "icon":
		if v := constant(args[1]); v != "" {
			if _, err := c.files.Icon(v); err != nil {
				c.fault("%v", err)
			}
		}
	case "asset":
		if v := constant(args[1]); v != "" {
			if _, err := c.files.URL(v); err != nil {
				c.fault("%v", err)
			}
		}
	case "field", "choice":
		c.fieldTexts(name.Ident, args)
	}
}

// fieldTexts checks the options of field and choice, and the texts they name.
func (c *checker) fieldTexts(function string, args []parse.Node) {
	first := 3 // function, form, name
	if function == "choice" {
		first = 4
	}
	if len(args) < first {
		c.fault("%s needs a form and a name", function)
		return
	}
	f := Field{Label: "field." + constant(args[2])}
	for _, arg := range args[first:] {
		if option := constant(arg); option != "" {
			if err := f.set(option); err != nil {
				c.fault("%v", err)
			}
		}
	}
	for _, key := range []string{f.Label, f.Hint, f.Placeholder} {
		if key != "field." {
			c.text(key)
		}
	}
}

func (c *checker) text(key string) {
	if key == "" || c.texts.Has(key) {
		return
	}
	c.fault("there is no text %q", key)
}

func (c *checker) fault(format string, args ...any) {
	fault := fmt.Sprintf(format, args...)
	for _, known := range c.faults {
		if known == fault {
			return
		}
	}
	c.faults = append(c.faults, fault)
}

// constant is the value of a string literal, "" of anything else.
func constant(n parse.Node) string {
	if s, ok := n.(*parse.StringNode); ok {
		return strings.TrimSpace(s.Text)
	}
	return ""
}
