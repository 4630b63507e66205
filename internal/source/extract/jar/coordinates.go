package jar

import (
	"regexp"
	"strings"
)

// parseProperties reads the part of java.util.Properties that Maven writes: key=value and comments.
func parseProperties(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if key, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			out[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return out
}

// parseManifest reads the main section of a manifest (JAR File Specification, "JAR Manifest"): it ends at an empty line; a line that begins with a
// space goes on with the one before.
func parseManifest(text []byte) map[string]string {
	out, last := map[string]string{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case line == "":
			return out
		case line[0] == ' ':
			if last != "" {
				out[last] += line[1:]
			}
		default:
			key, value, ok := strings.Cut(line, ":")
			if last = ""; ok {
				last = key
				out[last] = strings.TrimSpace(value)
			}
		}
	}
	return out
}

// versioned is a file name as repositories write it: artifact, a hyphen, a version that begins with a digit.
var versioned = regexp.MustCompile(`^(.+?)-v?(\d[\w.+~-]*)$`)

// guess concludes coordinates from a file name and a manifest, for archives that no pom.properties names: those that Gradle or Ant built.
// The group is the one that Maven Central has for well-known names, else one that the manifest gives, else the artifact, as the oldest
// artifacts have it (commons-io, junit, log4j).
func guess(stem string, m map[string]string) coordinates {
	at := coordinates{artifact: stem}
	if v := versioned.FindStringSubmatch(stem); v != nil {
		at.artifact, at.version = v[1], v[2]
	}
	for _, key := range []string{"Implementation-Version", "Bundle-Version", "Specification-Version", "Plugin-Version"} {
		if v := strings.TrimSpace(m[key]); at.version == "" && v != "" && v[0] >= '0' && v[0] <= '9' {
			at.version = v
		}
	}
	if m["Implementation-Title"] == "Apache Tomcat" {
		at.artifact = tomcatArtifact(at.artifact)
	}
	if at.group = knownGroup(at.artifact, at.version); at.group != "" {
		return at
	}
	if group := m["Implementation-Vendor-Id"]; groupName.MatchString(group) {
		at.group = group
		return at
	}
	symbolic, _, _ := strings.Cut(m["Bundle-SymbolicName"], ";")
	for _, name := range []string{strings.TrimSpace(symbolic), m["Automatic-Module-Name"]} {
		if groupName.MatchString(name) {
			at.group = name
			if i := strings.Index(name, "."+at.artifact); i > 0 {
				at.group = name[:i]
			}
			return at
		}
	}
	at.group = at.artifact
	return at
}

// groupName is a reversed domain name of at least two parts, the first of which is a top-level domain's.
var groupName = regexp.MustCompile(`^(com|org|net|io|de|fr|uk|eu|dev|edu|gov|jp|ch|nl|se|us|co|me|cn|ru|it|cz|javax|jakarta)(\.[A-Za-z0-9_-]+)+$`)

// tomcatArtifact names Tomcat's own archives, whose files are called otherwise than Maven Central calls them.
func tomcatArtifact(stem string) string {
	switch stem {
	case "catalina", "catalina-ant", "catalina-ha", "catalina-ssi", "catalina-storeconfig", "el-api", "jasper", "jasper-el", "jaspic-api", "jsp-api", "servlet-api", "websocket-api":
		return "tomcat-" + stem
	case "catalina-tribes":
		return "tomcat-tribes"
	}
	return stem
}

// knownGroup returns the group, on Maven Central, of well-known artifacts whose archives do not say it.
func knownGroup(artifact, version string) string {
	major, _, _ := strings.Cut(version, ".")
	old := func(first string) bool { return len(major) < len(first) || len(major) == len(first) && major < first }
	for _, k := range []struct{ prefix, group string }{
		{"spring-batch", "org.springframework.batch"},
		{"spring-boot", "org.springframework.boot"},
		{"spring-cloud", "org.springframework.cloud"},
		{"spring-data", "org.springframework.data"},
		{"spring-integration", "org.springframework.integration"},
		{"spring-kafka", "org.springframework.kafka"},
		{"spring-ldap", "org.springframework.ldap"},
		{"spring-security", "org.springframework.security"},
		{"spring-session", "org.springframework.session"},
		{"spring-ws", "org.springframework.ws"},
		{"spring", "org.springframework"},
		{"tomcat-embed", "org.apache.tomcat.embed"},
		{"tomcat", "org.apache.tomcat"},
		{"lucene", "org.apache.lucene"},
		{"kotlin", "org.jetbrains.kotlin"},
		{"okhttp", "com.squareup.okhttp3"},
		{"okio", "com.squareup.okio"},
		{"bcpg", "org.bouncycastle"},
		{"bcpkix", "org.bouncycastle"},
		{"bcprov", "org.bouncycastle"},
		{"bctls", "org.bouncycastle"},
		{"bcutil", "org.bouncycastle"},
	} {
		if artifact == k.prefix || strings.HasPrefix(artifact, k.prefix+"-") {
			return k.group
		}
	}
	switch {
	case artifact == "hibernate-core" && old("6"):
		return "org.hibernate"
	case artifact == "hibernate-core":
		return "org.hibernate.orm" // since 6.0
	case (artifact == "groovy" || strings.HasPrefix(artifact, "groovy-")) && old("4"):
		return "org.codehaus.groovy"
	case artifact == "groovy" || strings.HasPrefix(artifact, "groovy-"):
		return "org.apache.groovy" // since 4.0
	}
	return ""
}
