package bootstrap

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// call is one request to AWS as IAM sees it.
type call struct {
	accessKey string
	action    string   // ec2:AttachVolume
	resources []string // the end of the ARN of each thing that it names; none where it names none
	form      url.Values
}

var credential = regexp.MustCompile(`Credential=([^/]+)/[0-9]+/[^/]+/([^/]+)/`)

// readCall reads the three ways in which AWS is called: JSON with a target, a
// form with an action, and S3's paths.
func readCall(r *http.Request, body []byte) call {
	found := credential.FindStringSubmatch(r.Header.Get("Authorization"))
	if found == nil {
		return call{action: "nobody's"}
	}
	c := call{accessKey: found[1]}
	service := found[2]
	switch target := r.Header.Get("X-Amz-Target"); {
	case target != "":
		c.action = service + ":" + target[strings.LastIndex(target, ".")+1:]
		var fields map[string]any
		_ = json.Unmarshal(body, &fields)
		for field, prefix := range map[string]string{"Name": ":parameter", "SecretId": ":secret:", "CertificateAuthorityArn": ""} {
			if value, ok := fields[field].(string); ok {
				c.resources = append(c.resources, prefix+value)
			}
		}
	case service == "s3":
		c.action = "s3:" + map[string]string{http.MethodGet: "GetObject", http.MethodPut: "PutObject", http.MethodHead: "GetObject"}[r.Method]
		c.resources = []string{":::" + strings.TrimPrefix(r.URL.Path, "/")}
	default:
		c.form, _ = url.ParseQuery(string(body))
		c.action = service + ":" + c.form.Get("Action")
		for field, kind := range map[string]string{"VolumeId": ":volume/", "NetworkInterfaceId": ":network-interface/", "InstanceId": ":instance/"} {
			if id := c.form.Get(field); id != "" {
				c.resources = append(c.resources, kind+id)
			}
		}
	}
	return c
}

// allowedBy reports whether the statements allow the action on each thing that the
// call names. A secret's ARN ends in letters of AWS's own.
func (c call) allowedBy(statements []statement) bool {
	covers := func(resource string) bool {
		return slices.ContainsFunc(statements, func(s statement) bool {
			return slices.Contains(s.Action, c.action) && slices.ContainsFunc(s.Resource, func(pattern string) bool {
				tail := pattern[max(0, strings.LastIndex(pattern, resource)):]
				return pattern == "*" || tail == resource || strings.HasPrefix(resource, ":secret:") && strings.HasPrefix(tail, resource+"-") ||
					strings.HasSuffix(pattern, "*") && matches(pattern, resource)
			})
		})
	}
	if len(c.resources) == 0 {
		return covers("*")
	}
	return !slices.ContainsFunc(c.resources, func(resource string) bool { return !covers(resource) })
}

// matches compares the last part of an ARN's pattern, like :instance/*.
func matches(pattern, resource string) bool {
	i := strings.LastIndex(pattern, ":")
	ok, err := path.Match(pattern[i:], resource)
	return err == nil && ok
}
