package schema

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/proto"
)

// protobufFile is the name that a .proto text is compiled under.
const protobufFile = "schema.proto"

// parseProtobuf compiles the text with its references as imports, so that a name
// that leads nowhere is an error here and not in a team's build.
func (s *Schema) parseProtobuf() error {
	normal, err := normalProtobuf(s.text)
	if err != nil {
		return err
	}
	s.normal = normal
	files := map[string]string{protobufFile: s.text}
	err = s.each(func(r Reference) error {
		files[r.Name] = r.Schema.text
		return nil
	})
	if err != nil {
		return err
	}
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(files)}),
	}
	_, err = compiler.Compile(context.Background(), protobufFile)
	return err
}

// normalProtobuf is the text's file descriptor without comments and positions,
// names as they were written: it needs no imports.
func normalProtobuf(text string) (string, error) {
	handler := reporter.NewHandler(nil)
	file, err := parser.Parse(protobufFile, strings.NewReader(text), handler)
	if err != nil {
		return "", err
	}
	result, err := parser.ResultFromAST(file, true, handler)
	if err != nil {
		return "", err
	}
	descriptor := result.FileDescriptorProto()
	if len(descriptor.GetMessageType())+len(descriptor.GetEnumType())+len(descriptor.GetService())+len(descriptor.GetExtension()) == 0 {
		return "", errors.New("no message, enum, service or extend is declared")
	}
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(descriptor)
	if err != nil {
		return "", fmt.Errorf("normalize: %w", err)
	}
	return string(bytes), nil
}
