package aws

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// title is the annotation of a manifest that names the program in the image.
const title = "org.opencontainers.image.title"

// images are those that the cluster of a place runs.
var images = []string{"registry", "runner"}

const repositoryPrefix = "headwater/"

// pushImages fills the account's registry and returns the variable images of a
// root: each name's image by its digest.
func (a *account) pushImages(t *testing.T, names ...string) string {
	t.Helper()
	refs := map[string]string{}
	for _, name := range append(names, images...) {
		refs[name] = a.pushImage(t, name)
	}
	text, err := json.Marshal(refs)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pushImage puts a manifest that names the program, whose digest is that of its
// bytes as in any registry.
func (a *account) pushImage(t *testing.T, name string) string {
	t.Helper()
	const mediaType = "application/vnd.oci.image.manifest.v1+json"
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"annotations":{%q:%q}}`, mediaType, title, name)
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(manifest)))
	client, repository := ecr.NewFromConfig(a.config), repositoryPrefix+name
	_, err := client.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &repository})
	if err == nil {
		_, err = client.PutImage(t.Context(), &ecr.PutImageInput{
			RepositoryName: &repository, ImageManifest: &manifest, ImageDigest: &digest, ImageTag: aws.String("test"),
		})
	}
	if err != nil {
		t.Fatalf("push the image of %s: %v", name, err)
	}
	return fmt.Sprintf("%s.dkr.ecr.%s.amazonaws.com/%s@%s", a.id, region, repository, digest)
}

// program is the name of the program in an image of a task definition. As ECS
// does, it asks the registry: an image that nobody pushed is an error.
func (a *account) program(ctx context.Context, image string) (string, error) {
	at, digest, byDigest := strings.Cut(image, "@")
	_, repository, ours := strings.Cut(at, ".amazonaws.com/")
	if !byDigest || !ours {
		return "", fmt.Errorf("image %s is not of this account's registry, by digest", image)
	}
	out, err := ecr.NewFromConfig(a.config).BatchGetImage(ctx, &ecr.BatchGetImageInput{
		RepositoryName: &repository, ImageIds: []types.ImageIdentifier{{ImageDigest: &digest}},
	})
	if err != nil {
		return "", fmt.Errorf("image %s: %w", image, err)
	}
	if len(out.Images) == 0 {
		return "", fmt.Errorf("the registry has no image %s: push it with make images, then name its digest", image)
	}
	var manifest struct{ Annotations map[string]string }
	if err := json.Unmarshal([]byte(aws.ToString(out.Images[0].ImageManifest)), &manifest); err != nil {
		return "", fmt.Errorf("image %s: %w", image, err)
	}
	if manifest.Annotations[title] == "" {
		return "", errors.New("image " + image + " names no program")
	}
	return manifest.Annotations[title], nil
}

// An image that was never pushed must not run as if it had been.
func TestUnknownImageIsRefused(t *testing.T) {
	t.Parallel()
	a := openAccount(t)
	pushed := a.pushImage(t, "refine")
	if got, err := a.program(t.Context(), pushed); err != nil || got != "refine" {
		t.Errorf("the pushed image runs %q, %v; want refine", got, err)
	}
	unknown := pushed[:len(pushed)-8] + "00000000"
	_, err := a.program(t.Context(), unknown)
	if err == nil || !strings.Contains(err.Error(), "has no image "+unknown) {
		t.Errorf("an image that nobody pushed: %v, want a sentence that names it", err)
	}
}
